"""Prompt specs: reading them, and writing a prompt back in the format it came in. One adapter a format."""
