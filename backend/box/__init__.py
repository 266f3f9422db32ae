"""Reaches a GPU box and says how it is.

`ssh` logs in, as the user's `ssh_config` says; `links` deploys the runner and exchanges messages with it.
"""
