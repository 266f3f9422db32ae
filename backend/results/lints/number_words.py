"""Numbers that are written as words."""

NUMBER_WORDS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    *("nineteen", "twenty"),
)
"""The words of the numbers from 0 on, each at its own position."""


def number_of(word: str) -> int | None:
    """Return the number that a word of lower case or some digits stand for; None for any other word."""
    if word in NUMBER_WORDS:
        return NUMBER_WORDS.index(word)
    return int(word) if word.isascii() and word.isdecimal() and len(word) < 4 else None
