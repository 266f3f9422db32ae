"""Runs a batch or the whole queue on one box or many, or follows the process that does."""
