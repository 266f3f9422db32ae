"""Prompt specs: reads files of prompts, and writes new prompts in the same format.

Each file format has one adapter, in `formats`.
"""
