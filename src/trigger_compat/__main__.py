"""``python -m trigger_compat``."""

from __future__ import annotations

import sys

from trigger_compat.cli import main

if __name__ == "__main__":
    sys.exit(main())
