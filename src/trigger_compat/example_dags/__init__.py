"""Dags to read and to copy, one way to trigger per file; nothing imports them, the tests run each."""
