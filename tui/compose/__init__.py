"""Makes specs in the app: composes new ones of prompts, clips and styles."""
