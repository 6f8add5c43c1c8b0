"""Carries out what a scan found: edits the text of a file."""

from __future__ import annotations
