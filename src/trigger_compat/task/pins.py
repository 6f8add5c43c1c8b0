"""Run ids, logical dates and dag ids that differ from try to try, so that a retry would miss its child (X16).

The author may give a template that uses the try number or the time, or a value that the dag file creates
whenever it is parsed. On 3.3+ the durable record finds the child all the same. Elsewhere:

- a template that uses the try number is rendered again with the numbers of earlier tries;
- a logical date that is the current time does not pin the run id, which is computed from the parent instead;
- for anything else there is a warning, on the first try already.
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
    from trigger_compat.paths import Context
    from trigger_compat.task import Operator

JUST_NOW: Final = timedelta(minutes=1)
"""A date this close to the present comes from this try, or from parsing the dag file just before it."""

_USES_TRY: Final = r"try_number"
_USES_TIME: Final = (
    r"\b(?:now|utcnow|today|time|time_ns|uuid[14]|random|randint|choice|token_hex|token_urlsafe)\s*\("
    r"|\b(?:ti|task_instance)\.(?:id|start_date|hostname|pid|job_id)\b"
)


class _EarlierTry:
    """The running task instance with the number of an earlier try."""

    def __init__(self, ti: Any, try_number: int) -> None:
        self._ti = ti
        self.try_number = try_number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ti, name)


def date_is_current_time(operator: Operator) -> bool:
    """Return whether the logical date is the time of this try, or of the parsing just before it.

    Nobody can look for a run by such a date, so nothing is lost if its run id is one that a retry can find.
    """
    given = operator.unrendered.get("logical_date")
    if _is_template(given) and not re.search(_USES_TIME, str(given)):
        return False
    try:
        date = values.moment("logical_date", operator.logical_date, localize)
    except InvalidRequest:
        return False
    return isinstance(date, datetime) and abs(datetime.now(timezone.utc) - date) < JUST_NOW


def moving(operator: Operator) -> list[str]:
    """Name the fields that may have another value on the next try, with no way to find the old one."""
    names = [
        name for name in operator.unrendered if name != "logical_date" or not date_is_current_time(operator)
    ]
    given = ((name, operator.unrendered.get(name)) for name in names)
    return [name for name, value in given if _is_template(value) and re.search(_USES_TIME, str(value))]


def _is_template(given: object) -> bool:
    return isinstance(given, str) and ("{{" in given or "{%" in given)


def of_earlier_tries(operator: Operator, context: Context, earlier_tries: int) -> Iterator[Mapping[str, Any]]:
    """Yield the fields as they were on earlier tries, newest first; nothing if none uses the try number."""
    named = {
        name: given
        for name, given in operator.unrendered.items()
        if isinstance(given, str) and re.search(_USES_TRY, given)
    }
    ti = task_instance(context)
    if not named or ti is None:
        return
    for number in range(ti.try_number - 1, ti.try_number - 1 - earlier_tries, -1):
        earlier = _EarlierTry(ti, number)
        # Not a copy: on 2.11, reading every key of the context warns of the deprecated ones.
        its_context = ChainMap({"ti": earlier, "task_instance": earlier}, context)  # type: ignore[arg-type]
        yield {name: operator.render_as_text(given, its_context) for name, given in named.items()}
