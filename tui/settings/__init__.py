"""The page that shows and changes config.toml and the boxes."""
