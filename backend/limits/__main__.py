"""Print docs/resolutions.md: `python -m backend.limits docs/measured/FILE > docs/resolutions.md`."""

from __future__ import annotations

import sys
from pathlib import Path

from backend.limits.resolutions_page import resolutions_page

sys.stdout.buffer.write(resolutions_page(Path(sys.argv[1])).encode())
