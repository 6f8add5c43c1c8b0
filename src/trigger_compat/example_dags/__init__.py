"""Dags to read and to copy, one file for each way to trigger. Nothing imports them; the tests run each."""
