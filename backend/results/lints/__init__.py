"""What to look at twice in an upsampled prompt. Lints point; they change and refuse nothing.

Each lint is a function in a file of its own: prompt and answer in, findings out, no other knowledge.
"""

from backend.results.lints.duplicates import near_duplicates
from backend.results.lints.finding import Answered, Lint, LintKind, Span
from backend.results.lints.lints import lint

__all__ = ["Answered", "Lint", "LintKind", "Span", "lint", "near_duplicates"]
