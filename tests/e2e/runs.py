"""What the session `e2e` runs. Imported by the noxfile, so it needs no package of the tests."""

from __future__ import annotations

from typing import Final

CELERY: Final = ("apache-airflow-providers-celery",)
"""What a :class:`tests.e2e.celery.CeleryStack` needs of its Airflow besides; it brings Celery with Redis."""
