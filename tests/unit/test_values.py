"""The single values of a request: what an error shows, and what just passes (R1 - R3, R5)."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

import pytest

from trigger_compat import values
from trigger_compat.errors import InvalidRequest, InvalidRequestType

REFUSAL = "conf parameter should be JSON Serializable: "


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x" * 58, repr("x" * 58)),  # 60 characters with the quotes
        ("x" * 59, "'" + "x" * 56 + "..."),
        ("a\nb", r"'a\nb'"),
    ],
)
def test_an_error_shows_a_value_in_sixty_characters(value: str, text: str) -> None:
    assert values.shown(value) == text
    assert len(text) <= values.SHOWN_LENGTH


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        ('{"a": }', "the text is not JSON (column 7); pass a mapping or a JSON object"),
        ("[" * 100_000, "the text is not JSON; pass a mapping or a JSON object"),
        ("[1]", "got list instead of an object; pass a mapping or a JSON object"),
        ({"a": {1}}, f"conf['a'] is of type set; {values._REMEDY}"),
        ({"a": [b"x"]}, f"conf['a'][0] is of type bytes; {values._REMEDY}"),
        ({"a": float("nan")}, f"conf['a'] is NaN or an infinity; {values._REMEDY}"),
        ({"a": {"b": 2**64}}, "conf['a']['b'] is an integer of more than 64 bits; pass it as text"),
        ({"a": {(): 1}}, "conf['a'] has a key of type tuple; use text keys"),
        ({"a": "\0"}, "conf['a'] holds a NUL character; remove it"),
        ({"a\0": 1}, "a key in conf holds a NUL character; remove it"),
        (
            {"a": "é\ud800"},
            "conf['a'] holds a lone surrogate, which is not a valid character; decode the text again",
        ),
    ],
)
def test_r2_a_refused_conf_says_where_and_what_to_do(conf: Any, message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        values.conf("conf", conf)
    assert str(refused.value) == REFUSAL + message


def test_r2_a_value_inside_itself_is_named() -> None:
    inner: list[Any] = []
    inner.append(inner)
    with pytest.raises(InvalidRequest) as refused:
        values.conf("conf", {"a": inner})
    assert str(refused.value) == f"{REFUSAL}conf['a'][0] is a value inside itself; {values._REMEDY}"


@pytest.mark.parametrize("number", [-(2**63), 2**64 - 1, 0, -1, 1.5])
def test_r2_the_greatest_numbers_pass(number: float) -> None:
    assert values.conf("conf", {"a": number}) == {"a": number}


@pytest.mark.parametrize("number", [-(2**63) - 1, 2**64])
def test_r2_greater_numbers_do_not(number: int) -> None:
    with pytest.raises(InvalidRequest, match="more than 64 bits"):
        values.conf("conf", {"a": number})


def test_r2_keys_become_what_json_makes_of_them() -> None:
    conf = {2: "a", 1.5: "b", True: "c", None: "d"}
    assert values.conf("conf", conf) == json.loads(json.dumps(conf))


def test_r2_a_conf_is_150_levels_deep_at_most() -> None:
    def nested(levels: int) -> dict[str, Any]:
        conf: dict[str, Any] = {}
        for _ in range(levels - 1):
            conf = {"a": conf}
        return conf

    assert values.conf("conf", nested(150)) == nested(150)
    with pytest.raises(
        InvalidRequest, match=r"^conf parameter .*\.\.\. is nested more than 150 levels deep; flatten"
    ):
        values.conf("conf", nested(151))


def test_r1_a_run_id_of_digits_may_come_as_a_number() -> None:
    assert values.run_id("trigger_run_id", 20260131, ".*") == "20260131"


@pytest.mark.parametrize("pattern", ["", "  "])
def test_r1_without_a_pattern_only_airflows_own_run_ids_pass(pattern: str) -> None:
    own = "manual__2026-01-31T00:00:00+00:00"
    assert values.run_id("trigger_run_id", own, pattern) == own
    with pytest.raises(InvalidRequest, match="allowed_run_id_pattern '';"):
        values.run_id("trigger_run_id", "x", pattern)


class Pendulum:
    """Reads what Python does not, such as the day of a year, in the time zone that it is given."""

    zones: ClassVar = {"UTC": timezone.utc, "Etc/GMT+1": timezone(timedelta(hours=-1))}

    @classmethod
    def parse(cls, text: str, *, tz: str) -> object:
        if text == "P1D":
            return timedelta(days=1)
        day, plus, _ = text.partition("+02:00")
        if day != "2026-031":
            raise ValueError(text)
        return datetime(2026, 1, 31, tzinfo=timezone(timedelta(hours=2)) if plus else cls.zones[tz])


def test_r3_pendulum_reads_the_rest_of_iso_8601(monkeypatch: pytest.MonkeyPatch) -> None:
    pendulum: Any = Pendulum
    monkeypatch.setitem(sys.modules, "pendulum", pendulum)
    kolkata = timezone(timedelta(hours=5, minutes=30))

    def localize(naive: datetime) -> datetime:
        assert naive.tzinfo is None
        return naive.replace(tzinfo=kolkata)

    found = values.moment("logical_date", "2026-031", localize)
    assert isinstance(found, datetime)
    assert found.isoformat() == "2026-01-31T00:00:00+05:30"
    found = values.moment("logical_date", "2026-031+02:00", localize)
    assert isinstance(found, datetime)
    assert found.isoformat() == "2026-01-31T00:00:00+02:00"
    for text in ("P1D", "soon"):
        with pytest.raises(InvalidRequest, match=f"logical_date: '{text}' is not an ISO 8601 date"):
            values.moment("logical_date", text, localize)


def test_a3_a_key_is_a_short_printable_text() -> None:
    assert values.key("key", "x" * 250) == "x" * 250
    assert values.key("key", None) is None
    for wrong in ("", "x" * 251, "a\nb", 7, ["k"]):
        with pytest.raises(InvalidRequest, match=r"^key: "):
            values.key("key", wrong)


def test_c2_a_flag_that_is_not_given_is_off() -> None:
    assert values.flag("wait_for_completion", None) is False
    assert values.flag("wait_for_completion", True) is True


def test_r1_a_run_id_is_a_text_or_a_whole_number() -> None:
    assert values.run_id("trigger_run_id", 20260131, ".*") == "20260131"
    with pytest.raises(InvalidRequestType, match=r"^trigger_run_id: expected text, got float"):
        values.run_id("trigger_run_id", 1.5, ".*")


def test_r2_texts_of_a_subclass_become_plain_ones() -> None:
    class Text(str):
        __slots__ = ()

    found = values.conf("conf", {Text("a"): Text("b")})
    assert found == {"a": "b"}
    assert [(type(key), type(value)) for key, value in found.items()] == [(str, str)]


def test_r3_what_a_date_without_a_zone_means() -> None:
    assert values.in_utc(datetime(2026, 1, 31)).tzinfo is timezone.utc  # noqa: DTZ001
    found = values.moment("logical_date", "2026-01-31T00:00:00z")
    assert found == datetime(2026, 1, 31, tzinfo=timezone.utc)
