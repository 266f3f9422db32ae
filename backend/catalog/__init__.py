"""Which specs are on disk: the live listing, its cache between runs, and the filter that a user types."""
