"""The single values of a request: what is accepted, and one line for what is not (clauses R1-R3, R5).

Every error names the field, shows the value (escaped and shortened) and says what to write instead. Values of
``conf`` are never shown: they may be secrets.
"""

from __future__ import annotations

import enum
import json
import math
import re
import secrets
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Final

from trigger_compat.errors import InvalidRequest, InvalidRequestType

RUN_STATES: Final = ("queued", "running", "success", "failed")
MAX_ID_LENGTH: Final = 250
MAX_NOTE_LENGTH: Final = 1000
MAX_CONF_DEPTH: Final = 150
"""Levels of objects and lists in a conf; pydantic, which reads it for the child on 3.x, stops at 200."""
SHOWN_LENGTH: Final = 60
# Patterns as text: re compiles, and keeps, what is used, which parsing a dag file does not.
_DAG_ID: Final = r"[\w.-]+"
_BUILT_IN_RUN_ID: Final = (
    r"(?:manual|scheduled|dataset_triggered|asset_triggered)__\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+00:00"
)
# On 3.x the run id becomes part of an API path, unquoted (2.11 - 3.4.0b2): with one of these the
# request reaches another run, another dag or another endpoint.
_UNSAFE_IN_PATH: Final = r"[/\\%?#\x00-\x1f\x7f-\x9f]"
_REMEDY: Final = "use text, numbers, true/false, null, lists and objects"
# What msgpack carries, between a task and its supervisor on 3.x.
_LEAST_INTEGER, _GREATEST_INTEGER = -(2**63), 2**64 - 1
_TRUE: Final = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "off", "0", "none", ""})


class Unset(enum.Enum):
    """The type of :data:`UNSET`, which tells "not given" from None."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


def shown(value: object) -> str:
    """Return a value as an error may show it: escaped, on one line, cut."""
    text = repr(value)
    return text if len(text) <= SHOWN_LENGTH else f"{text[: SHOWN_LENGTH - 3]}..."


def _identifier(field: str, value: object) -> str:
    """Return the value as text; the rules that dag ids and run ids have in common."""
    if not isinstance(value, str):
        msg = f"{field}: expected text, got {type(value).__name__} {shown(value)}; pass a string"
        raise InvalidRequestType(msg)
    if not value:
        msg = f"{field}: is empty; give a non-empty id (a template that renders to nothing is one cause)"
        raise InvalidRequest(msg)
    if len(value) > MAX_ID_LENGTH:
        msg = f"{field}: {shown(value)} has {len(value)} characters; use at most {MAX_ID_LENGTH}"
        raise InvalidRequest(msg)
    if unsafe := re.search(_UNSAFE_IN_PATH, value):
        msg = f"{field}: {shown(value)} holds {unsafe.group()!r}, which is unsafe in an API path; remove it"
        raise InvalidRequest(msg)
    if value == "." or ".." in value:
        msg = f"{field}: {shown(value)} holds a dot segment, which is unsafe in an API path; remove the dots"
        raise InvalidRequest(msg)
    return value


def dag_id(field: str, value: object) -> str:
    """Return a dag id that Airflow could have accepted for a dag (clause R1)."""
    text = _identifier(field, value)
    if not re.fullmatch(_DAG_ID, text):
        msg = f"{field}: {shown(text)} is not a valid dag id; use letters, digits, '_', '.' and '-' only"
        raise InvalidRequest(msg)
    return text


def run_id(field: str, value: object, pattern: str, remedy: str = "use only characters it allows") -> str:
    """Return a run id that every supported Airflow accepts (clause R1).

    :param pattern: ``[scheduler] allowed_run_id_pattern`` of the running Airflow.
    :param remedy: what to do about an id that does not match it.
    """
    # A native template may render digits to a number.
    text = _identifier(field, str(value) if isinstance(value, int) else value)
    pattern = pattern.strip()
    if not re.fullmatch(_BUILT_IN_RUN_ID, text) and not (pattern and re.match(pattern, text)):
        msg = (
            f"{field}: {shown(text)} does not match [scheduler] allowed_run_id_pattern {pattern!r}; {remedy}"
        )
        raise InvalidRequest(msg)
    return text


def random_part() -> str:
    """Return eight random letters and digits, as Airflow appends to a run id without a date."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(8))


def conf(field: str, value: object) -> dict[str, Any] | None:
    """Return the child's conf as plain JSON data, or None (clause R2)."""
    # The first words are those of upstream's message, which users' tests match on.
    refusal = f"{field} parameter should be JSON Serializable: "
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            # From None: the decoder's own error carries the whole text.
            where = f" (column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
            msg = f"{refusal}the text is not JSON{where}; pass a mapping or a JSON object"
            raise InvalidRequest(msg) from None
    if not isinstance(value, Mapping):
        msg = f"{refusal}got {type(value).__name__} instead of an object; pass a mapping or a JSON object"
        raise InvalidRequest(msg)
    try:
        plain: dict[str, Any] = _json(value, field, refusal, ())
    except RecursionError:
        msg = f"{refusal}{field} is nested too deeply; flatten it"
        raise InvalidRequest(msg) from None
    return plain


def _json(value: object, path: str, refusal: str, inside: tuple[int, ...]) -> Any:
    """Return a value as JSON would give it back, or name the path of what some channel cannot carry."""
    if isinstance(value, str):
        return _text(value, path, refusal)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return _number(value, path, refusal)
    # Any sequence, because the output of a mapped task is a lazy one.
    collection = isinstance(value, (Mapping, Sequence)) and not isinstance(
        value, (bytes, bytearray, memoryview)
    )
    if not collection or id(value) in inside:
        what = "a value inside itself" if collection else f"of type {type(value).__name__}"
        raise InvalidRequest(f"{refusal}{path} is {what}; {_REMEDY}")
    inside = (*inside, id(value))
    if len(inside) > MAX_CONF_DEPTH:
        msg = (
            f"{refusal}{path[:SHOWN_LENGTH]}... is nested more than {MAX_CONF_DEPTH} levels deep; flatten it"
        )
        raise InvalidRequest(msg)
    if isinstance(value, Sequence):
        return [_json(item, f"{path}[{index}]", refusal, inside) for index, item in enumerate(value)]
    result = {}
    for key, item in value.items():  # type: ignore[attr-defined]
        text = _key(key, path, refusal)
        result[text] = _json(item, f"{path}[{shown(text)}]", refusal, inside)
    return result


def _number(value: float, path: str, refusal: str) -> float:
    """Return a plain number for one of a subclass too (numpy's are), which no channel of 3.x takes."""
    if isinstance(value, int):
        number = int(value)
        if not _LEAST_INTEGER <= number <= _GREATEST_INTEGER:
            raise InvalidRequest(f"{refusal}{path} is an integer of more than 64 bits; pass it as text")
        return number
    if not math.isfinite(value):
        raise InvalidRequest(f"{refusal}{path} is NaN or an infinity; {_REMEDY}")
    return float(value)


def _key(key: object, path: str, refusal: str) -> str:
    """Return a key as JSON would give it back."""
    if not isinstance(key, (str, int, float)) and key is not None:
        raise InvalidRequest(f"{refusal}{path} has a key of type {type(key).__name__}; use text keys")
    return _text(key if isinstance(key, str) else json.dumps(key), f"a key in {path}", refusal)


def _text(value: str, path: str, refusal: str) -> str:
    """Return plain text that can be encoded (msgpack, HTTP) and stored (Postgres keeps no NUL in JSON)."""
    text = value if type(value) is str else str.__str__(value)
    if text.isascii() and "\0" not in text:
        return text
    if "\0" in text:
        raise InvalidRequest(f"{refusal}{path} holds a NUL character; remove it")
    try:
        text.encode()
    except UnicodeEncodeError:
        msg = f"{refusal}{path} holds a lone surrogate, which is not a valid character; decode the text again"
        raise InvalidRequest(msg) from None
    return text


def in_utc(naive: datetime) -> datetime:
    """Read a naive datetime as UTC. What the running Airflow makes of one is for the caller to say."""
    return naive.replace(tzinfo=timezone.utc)


def moment(
    field: str, value: object, localize: Callable[[datetime], datetime] = in_utc
) -> datetime | Unset | None:
    """Return an aware datetime that keeps its offset, None, or :data:`UNSET` (clause R3).

    :param localize: makes a naive datetime aware, as Airflow does by ``[core] default_timezone``.
    """
    if value is UNSET or value is None:
        return value
    if isinstance(value, str):
        value = _parse(field, value, localize)
    if not isinstance(value, datetime):
        # The first words are those of upstream's message, which users' tests match on.
        msg = (
            f"Expected str, datetime.datetime, or None for parameter '{field}'. Got {type(value).__name__};"
            " pass an ISO 8601 text or an aware datetime"
        )
        raise InvalidRequestType(msg)
    try:
        aware = value if value.tzinfo is not None else localize(value)
        aware.astimezone(timezone.utc)
    except (OverflowError, ValueError):
        msg = f"{field}: {shown(value)} is out of range in UTC; give a date between years 1 and 9999"
        raise InvalidRequest(msg) from None
    # A plain datetime: a subclass (pendulum's) may write itself in another way, also into a run id.
    offset = aware.utcoffset()
    return datetime.combine(aware.date(), aware.time(), timezone(offset) if offset else timezone.utc)


def _parse(field: str, text: str, localize: Callable[[datetime], datetime]) -> object:
    try:
        return datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text))
    except ValueError:
        pass
    # Python 3.10 reads only part of ISO 8601. pendulum reads the rest; every Airflow brings it.
    try:
        import pendulum

        parsed = pendulum.parse(text, tz="UTC")
        if isinstance(parsed, datetime):
            has_offset = pendulum.parse(text, tz="Etc/GMT+1") == parsed
            return parsed if has_offset else localize(parsed.replace(tzinfo=None))
    except (ImportError, ValueError):
        pass
    msg = f"{field}: {shown(text)} is not an ISO 8601 date; write for example 2026-01-31T00:00:00+00:00"
    raise InvalidRequest(msg)


def params_refusal(message: str) -> str:
    """Return what Airflow says of a conf that the dag's own params refuse, on one line and without the value.

    Airflow's message ends with the value that is refused, which may be a secret, and begins with it too.
    """
    found = re.search(r"param (.+?): .*?(Failed validating .*?)\s*(?:On instance|$)", message, re.DOTALL)
    if not found:
        return message.strip().partition("\n")[0]
    return f"its params refuse conf[{found[1]!r}]: {' '.join(found[2].split())}"


def flag(field: str, value: object) -> bool:
    """Return a boolean; a template renders one to text, where "False" must not mean true (C2)."""
    if isinstance(value, bool) or value is None:
        return bool(value)
    if isinstance(value, (str, int)):
        text = str(value).strip().lower()
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
    msg = f"{field}: {shown(value)} is neither true nor false; render it to True or False"
    raise InvalidRequest(msg)


def seconds(field: str, value: object) -> float:
    """Return a time in seconds that one can wait for (clause R5)."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value <= 0:  # type: ignore[arg-type, operator]
        msg = f"{field}: {shown(value)} is not a finite number of seconds above 0; write for example 60"
        raise InvalidRequest(msg)
    return value  # type: ignore[return-value]


def key(field: str, value: object) -> str | None:
    """Return what tells the durable calls of one task apart (clause A3)."""
    if value is None or (isinstance(value, str) and 0 < len(value) <= MAX_ID_LENGTH and value.isprintable()):
        return value
    msg = (
        f"{field}: {shown(value)} is not a key; use a text of 1 to {MAX_ID_LENGTH} printable characters"
        " that is the same on every try"
    )
    raise InvalidRequest(msg)


def note(field: str, value: object) -> str | None:
    """Return the note of the child run; Airflow stores at most 1,000 characters."""
    if value is None or (isinstance(value, str) and len(value) <= MAX_NOTE_LENGTH):
        return value
    if isinstance(value, str):
        msg = f"{field}: has {len(value)} characters; use at most {MAX_NOTE_LENGTH}"
        raise InvalidRequest(msg)
    msg = f"{field}: expected text, got {type(value).__name__}; pass a string or None"
    raise InvalidRequestType(msg)


def states(field: str, given: Iterable[object]) -> tuple[str, ...]:
    """Return dag run states as plain strings, or refuse the first that is not one (clause R4)."""
    found = tuple(str(getattr(state, "value", state)) for state in given)
    for state in found:
        if state not in RUN_STATES:
            msg = f"{field}: {shown(state)} is not a dag run state; use {', '.join(RUN_STATES)}"
            raise InvalidRequest(msg)
    return found


def state_tuple(_field: str, value: Iterable[str]) -> tuple[str, ...]:
    """Return states that were checked when the dag was parsed."""
    return tuple(value)


def wait_states(
    allowed: Iterable[object] | None, failed: Iterable[object] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the allowed and the failed states of a wait, checked, with the defaults of the operator (R4)."""
    good = states("allowed_states", allowed) if allowed else ("success",)
    bad = ("failed",) if failed is None else states("failed_states", failed)
    check_states(good, bad)
    return good, bad


def check_states(allowed: Iterable[str], failed: Iterable[str]) -> None:
    """Refuse a state that would mean both success and failure (clause R4)."""
    for state in allowed:
        if state in failed:
            msg = (
                f"allowed_states and failed_states both hold {state!r}; leave it in one of them"
                " (failed_states=[] lets every state in allowed_states pass)"
            )
            raise InvalidRequest(msg)
