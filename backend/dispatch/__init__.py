"""Sends queued jobs to boxes and stores what comes back.

The package holds the dispatcher of one box, the runner that keeps all boxes busy, the lock that lets only one
process send jobs, and the code by which other processes follow that one.
"""
