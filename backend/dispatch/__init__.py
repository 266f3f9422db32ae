"""The way of queued jobs to the box and back: one request's path, the lock that lets one process work on the
queue, and how other processes follow it."""
