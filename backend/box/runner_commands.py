"""`stream_findings` by its former address, for `backend.doctor.examination`."""

from __future__ import annotations

from backend.box.runner import stream_findings

__all__ = ["stream_findings"]
