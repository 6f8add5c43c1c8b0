"""Retry policies (Airflow 3.3+) for the parents of the tests."""

from __future__ import annotations

from typing import Any


def no_retry_after(exception: str) -> Any:
    """Return a policy that fails the task for good on this exception, given by its dotted path."""
    from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule

    return ExceptionRetryPolicy(rules=[RetryRule(exception=exception, action=RetryAction.FAIL)])
