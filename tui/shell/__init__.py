"""What surrounds the pages: opening the app, the list of its pages, the palette, the terminal, defects."""
