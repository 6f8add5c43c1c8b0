"""The report on a scan: counts for each floor, the dates of policies, the check, the output formats."""

from __future__ import annotations
