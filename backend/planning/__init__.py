"""What would be sent for each spec, which specs are refused and why, and which jobs follow."""
