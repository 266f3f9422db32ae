"""Time and a network that a test sets, where the code would wait for hours or ask the machine."""

from __future__ import annotations

from dataclasses import dataclass, field

from backend.box.links.interruptions import InterruptionDetector


@dataclass
class MadeUpTime:
    """A machine whose clocks go on when the test says so."""

    wall: float = 1_000_000.0
    monotonic: float = 100.0
    addresses: tuple[str, ...] = ("10.0.0.2",)
    surroundings: InterruptionDetector = field(init=False)

    def __post_init__(self) -> None:
        self.detector = InterruptionDetector(
            lambda: self.wall, lambda: self.monotonic, lambda: self.addresses
        )

    def work(self, seconds: float) -> None:
        """Time goes by."""
        self.wall += seconds
        self.monotonic += seconds

    def sleep(self, seconds: float) -> None:
        """The lid is closed: only the wall clock goes on."""
        self.wall += seconds
