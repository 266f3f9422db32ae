"""The page that shows results beside their prompts, and takes decisions about them."""
