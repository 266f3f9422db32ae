"""Parameters that several verbs share."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

BoxName = Annotated[str | None, Parameter(help="Which box; default: the setting `box`.")]


Fingerprint = Annotated[
    str | None, Parameter(help="Fingerprint (SHA256:…) of a new box's host key.")
]
JobNumber = Annotated[int, Parameter(name="JOB", help="Its number, as `queue list` shows it.")]
