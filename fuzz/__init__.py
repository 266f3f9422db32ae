"""Fuzzing of whatever reads bytes that somebody else wrote: `make fuzz MINUTES=10`, `python -m fuzz framing`.

A target is a module of `fuzz.targets`: `seeds` gives small examples of what it reads, `check` raises when a
promise does not hold for some bytes. atheris invents the bytes; the suite runs the same checks on the
seeds and on what hypothesis makes of them, without it. What was found, and for how long it was looked for,
is in docs/security.md.
"""
