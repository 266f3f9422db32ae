"""JSON prompts as outlines whose parts can be folded."""
