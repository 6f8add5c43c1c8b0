"""Identities of the author's that change from try to try, so that a retry would not find its child (X16).

A run id, a logical date or a dag id may be a template that names the try or the time, or a value that the dag
file makes anew whenever it is parsed. On 3.3+ the durable record has the child all the same. Elsewhere:

- what a template gave on an earlier try is rendered again, if only the try's number changes in it;
- a logical date that is the present gets the run id that is computed from the parent;
- of all else there is a warning, on the first try and not only on the one that finds nothing.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from trigger_compat import values
from trigger_compat._airflow import localize
from trigger_compat.errors import InvalidRequest
from trigger_compat.paths import task_instance

if TYPE_CHECKING:
    from trigger_compat.operator import TriggerDagRunOperator
    from trigger_compat.paths import Context

FIELDS: Final = ("trigger_dag_id", "trigger_run_id", "logical_date")
"""What names the child; each is a template field."""

JUST_NOW: Final = timedelta(minutes=1)
"""A date so close to the present was made on this try, or when the worker parsed the dag file for it."""

_NAMES_TRY: Final = r"try_number"
_NAMES_TIME: Final = (
    r"\b(?:now|utcnow|today|time|time_ns|uuid[14]|random|randint|choice|token_hex|token_urlsafe)\s*\("
    r"|\b(?:ti|task_instance)\.(?:id|start_date|hostname|pid|job_id)\b"
)


class _EarlierTry:
    """The running task instance, but with the number of an earlier try."""

    def __init__(self, ti: Any, try_number: int) -> None:
        self._ti = ti
        self.try_number = try_number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ti, name)


def date_is_made_anew(operator: TriggerDagRunOperator) -> bool:
    """Say whether the logical date is the moment of this try, or of the parsing just before it.

    Nobody can ask for a run by such a date, so its run id may as well be one that a retry finds.
    """
    given = operator.unrendered.get("logical_date")
    if _is_template(given) and not re.search(_NAMES_TIME, str(given)):
        return False
    try:
        date = values.moment("logical_date", operator.logical_date, localize)
    except InvalidRequest:
        return False
    return isinstance(date, datetime) and abs(datetime.now(timezone.utc) - date) < JUST_NOW


def moving(operator: TriggerDagRunOperator) -> list[str]:
    """Name the fields that may have another value on the next try, which nobody can find out then."""
    names = [name for name in FIELDS if name != "logical_date" or not date_is_made_anew(operator)]
    given = ((name, operator.unrendered.get(name)) for name in names)
    return [name for name, value in given if _is_template(value) and re.search(_NAMES_TIME, str(value))]


def _is_template(given: object) -> bool:
    return isinstance(given, str) and ("{{" in given or "{%" in given)


def of_earlier_tries(
    operator: TriggerDagRunOperator, context: Context, earlier_tries: int
) -> Iterator[Mapping[str, Any]]:
    """Give the fields as they were on earlier tries, the newest first; nothing if none names the try."""
    named = {
        name: given
        for name, given in operator.unrendered.items()
        if isinstance(given, str) and re.search(_NAMES_TRY, given)
    }
    ti = task_instance(context)
    if not named or ti is None:
        return
    for number in range(ti.try_number - 1, ti.try_number - 1 - earlier_tries, -1):
        earlier = _EarlierTry(ti, number)
        # No copy: on 2.11 to read every key of the context is to be warned of the deprecated ones.
        its_context = ChainMap({"ti": earlier, "task_instance": earlier}, context)  # type: ignore[arg-type]
        yield {name: operator.render_as_text(given, its_context) for name, given in named.items()}
