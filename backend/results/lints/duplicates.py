"""Answers of one batch that say almost the same: a model that heeds the frames no longer."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

_Shingle = tuple[str, ...]

_WORD = re.compile(r"\w+")
_SHINGLE = 3
"""Words in a row that are compared as one."""
_ALIKE = 0.7
"""Share of shingles in common (Jaccard) from which two texts are near-duplicates."""
_TOO_COMMON = 200
"""A shingle in more texts than this is a manner of speaking, and would make the work grow with its square."""


def near_duplicates(texts: Mapping[int, str]) -> dict[int, int]:
    """For each text that is close to another one, by key, the key of the one that is closest."""
    alike: defaultdict[frozenset[_Shingle], list[int]] = defaultdict(list)
    for key, text in texts.items():
        alike[_shingles(text)].append(key)
    closest: dict[int, int] = {}
    for shingles, best in _closest(list(alike)).items():
        for key in alike[shingles]:
            closest[key] = alike[best][0]
    for same in alike.values():
        for key in same[1:]:
            closest[key] = same[0]
        if len(same) > 1:
            closest[same[0]] = same[1]
    return closest


def _closest(
    texts: Sequence[frozenset[_Shingle]],
) -> dict[frozenset[_Shingle], frozenset[_Shingle]]:
    """For each of these different texts that has a near one, the nearest."""
    having: defaultdict[_Shingle, list[int]] = defaultdict(list)
    for place, own in enumerate(texts):
        for shingle in own:
            having[shingle].append(place)
    found = {}
    for place, own in enumerate(texts):
        shared: Counter[int] = Counter()
        for shingle in own:
            if len(having[shingle]) <= _TOO_COMMON:
                shared.update(having[shingle])
        del shared[place]
        likeness = {
            other: count / (len(own) + len(texts[other]) - count) for other, count in shared.items()
        }
        best = max(likeness, key=lambda other: (likeness[other], -other), default=place)
        if likeness.get(best, 0) >= _ALIKE:
            found[own] = texts[best]
    return found


def _shingles(text: str) -> frozenset[_Shingle]:
    words = [word.casefold() for word in _WORD.findall(text)]
    starts = range(max(1, len(words) - _SHINGLE + 1))
    return frozenset(tuple(words[at : at + _SHINGLE]) for at in starts)
