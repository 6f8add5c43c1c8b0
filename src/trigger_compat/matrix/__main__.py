"""``python -m trigger_compat.matrix``."""

from __future__ import annotations

import sys

from trigger_compat.matrix.cli import main

sys.exit(main())
