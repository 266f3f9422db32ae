"""Sends queued jobs to boxes and stores what comes back.

The dispatcher of one box stands here, with its parts. Below it are the packages `preparing`, `sending` and
`jobs`; above it, `runs` keeps all boxes busy, lets only one process at a time send jobs, and has the others
follow that one.
"""
