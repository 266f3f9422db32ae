"""The commands of `upsample results`: list results, and accept or reject them.

The rules are in `backend.results.decisions`.
"""
