"""Connects to a host by SSH as the ssh client does, with the keys and known hosts of the user."""
