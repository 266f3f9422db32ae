"""Words of the prompt that an answer must not lose: quoted text, numbers, colours, names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backend.results.lints.finding import Answered, Lint, LintKind
from backend.results.lints.number_words import NUMBER_WORDS

_QUOTED = re.compile(r"\"([^\"\n]{1,80})\"|“([^”\n]{1,80})”|«([^»\n]{1,80})»|「([^」\n]{1,80})」")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*(?!\w)")
"""Not of "4K" or "3D", which are words."""
_NAME = re.compile(
    r"(?:(?<=[^\W_] )|(?<=[^\W_][,;:] ))[A-Z][\w’'-]*[a-z][\w’'-]*(?: [A-Z][\w’'-]*)*|\b[A-Z]{2,}\b"
)
"""A capitalised word within a sentence, or an abbreviation; the first word of a sentence proves nothing."""

_WORD = re.compile(r"[^\W\d_]+")
_ROUND = {
    30: "thirty",
    40: "forty",
    50: "fifty",
    60: "sixty",
    70: "seventy",
    80: "eighty",
    90: "ninety",
    100: "hundred",
    1000: "thousand",
    1_000_000: "million",
}
_OTHER_WORDS = {
    2: ("pair", "couple", "both", "twin"),
    3: ("trio",),
    4: ("quartet",),
    12: ("dozen",),
}
_COLOURS = frozenset(
    {
        *("red", "orange", "yellow", "green", "blue", "purple", "violet", "pink", "brown", "black"),
        *("white", "gray", "grey", "gold", "golden", "silver", "crimson", "scarlet", "maroon"),
        *("turquoise", "teal", "cyan", "magenta", "beige", "ivory", "amber", "indigo", "lavender"),
        *("lime", "navy", "olive", "emerald", "azure", "copper", "bronze"),
    }
)
_SHARE_OF_ONE_LANGUAGE = 3
"""An answer in the prompt's language has one of so many of its words at least: "a", "in" or "the" will do."""
_SPELLED = {"gray": "grey", "golden": "gold"}


def lost_words(answered: Answered) -> Iterator[Lint]:
    """What the prompt says for certain and the answer does not say.

    Nothing is known of an answer that was asked for in another language than the prompt's.
    """
    if answered.language and not _shares_words(answered.prompt, answered.answer):
        return
    answer = answered.answer.casefold()
    lost = [words for words in _certain(answered.prompt) if not _has(answer, words)]
    if lost:
        different = dict.fromkeys(lost)
        named = ", ".join(f'"{words}"' for words in different)
        are = "is" if len(different) == 1 else "are"
        yield Lint(LintKind.LOST, f"The prompt's {named} {are} not in it")


def _shares_words(prompt: str, answer: str) -> bool:
    """Whether so many of the prompt's words are in the answer that both are of one language."""
    words = set(_WORD.findall(prompt.casefold()))
    kept = words.intersection(_WORD.findall(answer.casefold()))
    return len(kept) * _SHARE_OF_ONE_LANGUAGE >= len(words)


def _certain(prompt: str) -> Iterator[str]:
    for match in _QUOTED.finditer(prompt):
        yield next(group for group in match.groups() if group is not None).strip()
    yield from _NUMBER.findall(prompt)
    if not _is_capitalised(prompt):
        for name in _NAME.findall(prompt):
            yield re.sub(r"['’]s?$", "", name)
    for word in _WORD.findall(prompt.casefold()):
        if word in _COLOURS or word in NUMBER_WORDS[2:]:
            yield word


def _is_capitalised(prompt: str) -> bool:
    """Whether Most Of Its Words Are, so that capitals make no names."""
    words: list[str] = _WORD.findall(prompt)
    return sum(word[0].isupper() for word in words) > len(words) / 2


def _has(answer: str, words: str) -> bool:
    spellings = {words.casefold(), *_spellings_of_number(words)}
    one = _SPELLED.get(words, words)
    spellings |= {word for word, other in _SPELLED.items() if other == one} | {one.casefold()}
    return any(_stands_in(answer, spelling) for spelling in spellings)


def _spellings_of_number(words: str) -> set[str]:
    """How else a number may be written; nothing for what is none."""
    if words in NUMBER_WORDS:
        number = NUMBER_WORDS.index(words)
    elif words.replace(",", "").replace(".", "").isdecimal():
        swapped = words.translate(str.maketrans(",.", ".,"))
        without = re.sub(r"[.,](?=\d{3}\b)", "", words)
        if not without.isdecimal():
            return {swapped}
        number = int(without)
    else:
        return set()
    word = NUMBER_WORDS[number] if number < len(NUMBER_WORDS) else _ROUND.get(number)
    return {str(number), f"{number:,}", *([word] if word else []), *_OTHER_WORDS.get(number, ())}


def _stands_in(answer: str, spelling: str) -> bool:
    """At the beginning of a word ("reddish" keeps "red"); a number only as a whole."""
    end = r"(?!\d)" if spelling[-1:].isdecimal() else ""
    start = r"(?<!\w)" if spelling[:1].isalnum() and spelling.isascii() else ""
    return re.search(f"{start}{re.escape(spelling)}{end}", answer) is not None
