"""The number of subjects of a JSON prompt, against what is said of it in words. English alone is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from backend.results.lints.finding import Answered, Lint, LintKind
from backend.results.lints.number_words import NUMBER_WORDS, number_of
from backend.specs.quoting import quoted
from remote.protocol import Json

_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*|\d\w*(?:[.,:x×-]\w+)*|[^\s\w]")
_MOST = 12
"""The greatest number that is compared; of greater ones, most subjects are a crowd."""
_BETWEEN = 3
"""Words that may stand between a number and its noun: "two small yellow cars"."""
_PLURALS = {
    "men": "man",
    "women": "woman",
    "children": "child",
    "people": "person",
    "mice": "mouse",
}
_ENDS = frozenset(
    {
        *("a", "an", "the", "and", "or", "of", "in", "on", "at", "to", "by", "for", "from", "with"),
        *("as", "is", "are", "that", "which", "who", "near", "behind", "under", "over", "beside"),
    }
)
"""Words after which a noun belongs to something else."""
_UNITS = frozenset(
    {"am", "pm", "mm", "cm", "m", "km", "ft", "kg", "hz", "fps", "percent", "k", "d"}
)
"""A number before one of these counts nothing that comes after it."""
_SOME = frozenset({"more", "other", "others", "additional", "further"})
"""With these, a number is that of some."""
_NO_SUBJECTS = frozenset(
    {
        *("seconds", "minutes", "hours", "days", "years", "times", "frames", "shots", "scenes"),
        *("meters", "metres", "feet", "inches", "miles", "degrees", "parts", "sides", "angles"),
        *("hands", "arms", "legs", "eyes", "ears", "fingers", "wheels", "floors", "stories"),
    }
)
"""What is counted without being subjects."""
_NO_NOUNS = _ENDS | _UNITS | _NO_SUBJECTS


def subject_counts(answered: Answered, whole: dict[str, Json]) -> Iterator[Lint]:
    """There are more or fewer subjects of a kind than the prompt says, or than their own words say."""
    listed = whole.get("subjects")
    subjects = [it for it in listed if isinstance(it, dict)] if isinstance(listed, list) else []
    for subject in subjects:
        yield from _of_itself(subject)
    said: dict[str, set[int]] = {}
    words = _words(answered.prompt)
    for number, noun in _counted(words):
        said.setdefault(noun, set()).add(number)
    for noun, numbers in said.items():
        counts = [_count(subject) for subject in subjects if _head(subject) == noun]
        known = [count for count in counts if count is not None]
        # "Two cars follow a red car" has three.
        if len(numbers) > 1 or noun in words or not known or len(known) < len(counts):
            continue
        (number,) = numbers
        if number and sum(known) != number:
            wanted = f"{NUMBER_WORDS[number]} of {quoted(noun)}"
            message = f"The prompt has {wanted}, and the subjects have {sum(known)}"
            yield Lint(LintKind.SUBJECTS, message)


def _of_itself(subject: dict[str, Json]) -> Iterator[Lint]:
    """A subject that is described as several has another number of subjects."""
    words = _words(_description(subject))
    given = _given(subject)
    found = next(iter(_counted(words)), None)
    if given is None or found is None or number_of(words[0]) != found[0]:
        return
    if given != found[0]:
        begin = " ".join(words[:_BETWEEN])
        yield Lint(
            LintKind.SUBJECTS, f"A subject begins {quoted(begin)}, and its number is {given}"
        )


def _counted(words: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield each number with the noun that it counts, in the singular; 0 for one that counts only some."""
    for place, word in enumerate(words):
        number = number_of(word)
        if number is None or not 2 <= number <= _MOST:
            continue
        for noun in words[place + 1 : place + 2 + _BETWEEN]:
            if noun in _SOME:
                number = 0
                continue
            if noun in _NO_NOUNS or not noun[0].isalpha():
                break
            one = _singular(noun)
            if one is not None:
                yield number, one
                break


def _count(subject: dict[str, Json]) -> int | None:
    """Return how many a subject is; None where it is several, and nothing says how many."""
    words = _noun_phrase(subject)
    given = _given(subject)
    is_several = bool(words) and _singular(words[-1]) is not None
    if is_several:
        return given if given is not None and given > 1 else None
    return given or 1


def _given(subject: dict[str, Json]) -> int | None:
    """Return the number that a subject gives for itself; None where it gives none."""
    number = subject.get("number_of_subjects")
    if not isinstance(number, int) or isinstance(number, bool):
        return None
    return number if number > 0 else None


def _head(subject: dict[str, Json]) -> str:
    """Return the noun that names a subject, in the singular: "crane" for "A tower crane with a hook"."""
    words = _noun_phrase(subject)
    return (_singular(words[-1]) or words[-1]) if words else ""


def _noun_phrase(subject: dict[str, Json]) -> list[str]:
    """Return the words of a subject's description up to where something else begins."""
    phrase: list[str] = []
    for word in _words(_description(subject)):
        is_named = len(phrase) > 1 or (bool(phrase) and _singular(phrase[0]) is not None)
        is_verb = is_named and len(word) > 4 and word.endswith(("ing", "ed"))
        if phrase and (word in _ENDS or is_verb or not word[0].isalnum()):
            break
        if word not in ("a", "an", "the"):
            phrase.append(word)
    return phrase


def _description(subject: dict[str, Json]) -> str:
    text = subject.get("description")
    return text if isinstance(text, str) else ""


def _singular(word: str) -> str | None:
    """Return the singular of a word that looks like a plural; None for other words."""
    if word in _PLURALS:
        return _PLURALS[word]
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return None
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("ches", "shes", "xes", "sses")) else word[:-1]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
