"""Measurements. Each is a program of its own (`python -m benchmarks.throughput`) and none is a test: what
they find is a ratio between ways to do the same work, on one machine in one run, and never a promise.
"""
