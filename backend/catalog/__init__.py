"""Lists the specs on disk and watches them for changes, caches what was read, and filters specs."""
