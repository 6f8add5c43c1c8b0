"""Raise the minimum Airflow of this project: what its tests ran, a work list, and the proof of the list."""
