"""Reads a dag folder as text: no dag is run, and no Airflow is needed."""

from __future__ import annotations
