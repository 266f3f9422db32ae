"""The replicas of one box after the other, as the panel lists them, and where its cursor is. No widgets."""

from __future__ import annotations

from backend.box.replicas import ReplicaRow, replica_rows
from tui.state.live import Live, LiveBox


class ReplicaListing:
    """The rows of the box that is shown. The cursor stays on a replica while others come and go."""

    def __init__(self, live: Live, box: str) -> None:
        """`box` is the name of the one that is shown first, if it has replicas; else the first that has."""
        self._live = live
        with_rows = [name for name, each in live.boxes.items() if rows_of(each)]
        self.box = box if box in with_rows or not with_rows else with_rows[0]
        self.position = 0
        self.rows: list[ReplicaRow] = []
        self.refresh()

    @property
    def boxes(self) -> list[str]:
        """The boxes that can be shown."""
        return [name for name, box in self._live.boxes.items() if box.link or name == self.box]

    @property
    def live_box(self) -> LiveBox | None:
        """What was heard of the box that is shown."""
        return self._live.boxes.get(self.box)

    @property
    def current(self) -> ReplicaRow | None:
        """The replica that the cursor is on."""
        return self.rows[self.position] if self.rows else None

    def refresh(self) -> None:
        """Take over what was heard since."""
        before = self.current
        self.rows = rows_of(self.live_box)
        names = [row.name for row in self.rows]
        self.move_to(names.index(before.name) if before and before.name in names else self.position)

    def move_to(self, position: int) -> None:
        """Put the cursor there, or at the nearest end."""
        self.position = max(0, min(position, len(self.rows) - 1))

    def show_next_box(self) -> bool:
        """Show the next box. Returns whether there is another one."""
        names = self.boxes
        following = names[(names.index(self.box) + 1) % len(names)] if self.box in names else ""
        if following in ("", self.box):
            return False
        self.box, self.position, self.rows = following, 0, []
        self.refresh()
        return True


def rows_of(box: LiveBox | None) -> list[ReplicaRow]:
    """Return the rows of a box; none while nothing is known of it."""
    return replica_rows(box.status) if box is not None and box.status is not None else []
