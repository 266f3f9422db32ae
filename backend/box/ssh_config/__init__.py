"""Reads the user's ssh config as OpenSSH's own client reads it, without needing that client."""
