"""The user's side of upsample: specs, token budgets, frames, the queue and the way to the box. No screen."""

__version__ = "0.1.0"
