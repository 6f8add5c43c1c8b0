"""Counts what a triggerer asks about dag runs; on the path of the Airflow that is measured."""

from __future__ import annotations

import os
import sys
from typing import Any

if "triggerer" in sys.orig_argv and "WAITS_REQUESTS" in os.environ:

    def _count(what: str) -> None:
        with open(os.environ["WAITS_REQUESTS"], "a") as file:  # noqa: PTH123 - imports nothing
            file.write(what + "\n")

    try:
        import airflow.sdk  # noqa: F401
        import httpx
    except ImportError:  # Airflow 2 asks the database
        from sqlalchemy import event
        from sqlalchemy.engine import Engine

        def _executing(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            if "FROM dag_run" in statement:
                _count("query")

        event.listen(Engine, "before_cursor_execute", _executing)
    else:
        _send = httpx.Client.send

        def _counting(self: Any, request: Any, **options: Any) -> Any:
            if "/dag-runs/" in request.url.path:
                _count(request.url.path)
            return _send(self, request, **options)

        httpx.Client.send = _counting  # type: ignore[method-assign]
