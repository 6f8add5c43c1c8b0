"""What this repository needs to build, check, measure and release itself. None of it is in the wheel.

``noxfile.py`` has the sessions; these modules do their work. ``docs/contributing.md`` has one line on each.
"""

from __future__ import annotations


class ToolError(Exception):
    """A tool cannot do its work; one line: problem and remedy."""
