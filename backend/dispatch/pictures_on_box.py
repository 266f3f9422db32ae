"""Which pictures the box has, as far as one link tells: they need not be sent again over it."""

from __future__ import annotations

from collections.abc import Set


class PicturesOnBox:
    """Pictures, as SHA-256, by the identity of the request that keeps them on the box's disk.

    A request that the box has not accepted yet keeps only the pictures that it brought itself.
    """

    def __init__(self) -> None:
        self._kept: dict[str, Set[str]] = {}

    def all(self) -> Set[str]:
        """Return every picture that need not be sent."""
        return frozenset().union(*self._kept.values())

    def of(self, identity: str) -> Set[str]:
        """Return the pictures that this request keeps there."""
        return self._kept.get(identity, frozenset())

    def keep(self, identity: str, pictures: Set[str]) -> None:
        """Note that the request keeps these pictures there."""
        self._kept[identity] = pictures

    def release(self, identity: str) -> None:
        """Note that the request keeps nothing any more: it has ended."""
        self._kept.pop(identity, None)

    def forget(self, lost: Set[str]) -> None:
        """Let no request rely on these pictures: the box does not have them."""
        self._kept = {identity: kept - lost for identity, kept in self._kept.items()}

    def clear(self) -> None:
        """Forget everything: a new link begins."""
        self._kept.clear()
