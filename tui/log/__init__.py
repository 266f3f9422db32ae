"""The log: what boxes say and what happens to jobs. Its page, its lines and its file."""
