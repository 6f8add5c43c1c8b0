"""What the session `e2e` runs. Imported by the noxfile, so it needs no package of the tests."""

from __future__ import annotations

from typing import Final

CELERY: Final = ("apache-airflow-providers-celery!=3.16.*,!=3.17.0,!=3.17.1",)
"""What a :class:`tests.e2e.celery.CeleryStack` needs of its Airflow besides; it brings Celery with Redis.

Without the releases that do not run any task on 2.11 (apache/airflow#61913, #63043, #63729).
"""
