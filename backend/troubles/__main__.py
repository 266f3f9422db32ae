"""Print docs/troubleshooting.md: `python -m backend.troubles > docs/troubleshooting.md`."""

import sys

from backend.troubles.troubleshooting_page import troubleshooting_page

sys.stdout.write(troubleshooting_page())
