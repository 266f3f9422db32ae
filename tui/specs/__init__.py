"""The page with the list of prompt specs, and the detail of the current one."""
