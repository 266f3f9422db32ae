"""Reaching a GPU box: SSH and host keys, deploying the runner, the channel to it, and the embedded box."""
