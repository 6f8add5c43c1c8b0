"""What a trigger would do on the Airflow that is installed here, and why."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from trigger_compat import __version__, contract, dispatch, markdown, matrix
from trigger_compat.errors import TriggerCompatError, UnsupportedAirflow


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The answer.

    :param capabilities: what this Airflow supports, each with what happens where it does not.
    :param deviations: id and reason of what the path cannot keep here.
    :param durable_deferral_path: the path of a durable deferral, which is another one on 3.3+.
    :param deferral_deviations: the same of the path that a deferral takes, where that is another one.
    """

    trigger_compat: str
    airflow: str
    in_matrix: str
    path: str
    why: str
    deferral_path: str
    durable_deferral_path: str
    capabilities: Mapping[str, str]
    deviations: Mapping[str, str]
    deferral_deviations: Mapping[str, str]


def installed() -> str | None:
    """Return the version of the installed Airflow, as its metadata say."""
    try:
        return version("apache-airflow")
    except PackageNotFoundError:
        return None


def examine() -> Diagnosis:
    """Look at what is installed.

    :raises UnsupportedAirflow: there is none, or none that this package supports.
    :raises PathUnavailable: the environment variable names a path that it cannot take.
    """
    try:
        installed = version("apache-airflow")
        release = dispatch.release()
    except (PackageNotFoundError, ImportError) as error:
        raise UnsupportedAirflow(
            "no Airflow is installed here; pip install 'apache-airflow>=2.11'"
        ) from error
    path, why = dispatch.choose(None, defers=False)
    deferral, durable_deferral = (dispatch.choose(None, defers=runner)[0] for runner in (True, False))
    known = matrix.load()
    here = dispatch.text(release)
    deferred = known.deviations_of(deferral, here) if deferral != path else ()
    return Diagnosis(
        trigger_compat=__version__,
        airflow=installed,
        in_matrix=_in_matrix(known, installed),
        path=path,
        why=why,
        deferral_path=deferral,
        durable_deferral_path=durable_deferral,
        capabilities=dict(_capabilities()),
        deviations={row.id: row.reason for row in known.deviations_of(path, here)},
        deferral_deviations={row.id: row.reason for row in deferred},
    )


def _in_matrix(known: matrix.Matrix, installed: str) -> str:
    try:
        row = known.release(installed)
    except TriggerCompatError as error:
        return str(error)
    return f"tested, released {row.released}" + (", a preview" if row.preview else "")


def _capabilities() -> Iterator[tuple[str, str]]:
    for name, argument in contract.ARGUMENTS.items():
        if argument.supported_on == contract.EVERYWHERE:
            continue
        supported = dispatch.within(argument.supported_on)
        otherwise = "ignored with a warning" if argument.otherwise == "warn" else "fails the task"
        yield name, "supported" if supported else f"{otherwise}; needs Airflow {argument.supported_on}"
    store = dispatch.within(">=3.3")
    yield (
        "durable",
        "by the computed run id, and by a record in task_state_store" if store else "by the computed run id",
    )


def as_table(found: Diagnosis) -> str:
    lines = [
        f"trigger-compat  {found.trigger_compat}",
        f"Airflow         {found.airflow} ({found.in_matrix})",
        f"path            {found.path}: {found.why}",
        f"deferral        {found.deferral_path}, durable: {found.durable_deferral_path}",
        "",
        *(f"{name:<24}  {what}" for name, what in found.capabilities.items()),
        "",
    ]
    if found.deviations:
        lines.append("What this path cannot keep here:")
        lines += [f"  {name}: {reason}" for name, reason in found.deviations.items()]
    else:
        lines.append("This path keeps every clause of the contract here.")
    if found.deferral_deviations:
        lines.append(f"What the path {found.deferral_path} cannot keep, which a deferral takes:")
        lines += [f"  {name}: {reason}" for name, reason in found.deferral_deviations.items()]
    return "\n".join(lines)


def as_json(found: Diagnosis) -> str:
    return json.dumps(asdict(found), indent=2)


def as_markdown(found: Diagnosis) -> str:
    rows = [
        ("trigger-compat", found.trigger_compat),
        ("Airflow", f"{found.airflow} ({found.in_matrix})"),
        ("path", f"`{found.path}`: {found.why}"),
        ("deferral", f"`{found.deferral_path}`, durable: `{found.durable_deferral_path}`"),
        *((f"`{name}`", what) for name, what in found.capabilities.items()),
        *((f"deviation `{name}`", reason) for name, reason in found.deviations.items()),
        *((f"when it defers, `{name}`", reason) for name, reason in found.deferral_deviations.items()),
    ]
    return markdown.table(("what", "here"), rows)


FORMATS: Final[Mapping[str, Callable[[Diagnosis], str]]] = {
    "table": as_table,
    "markdown": as_markdown,
    "json": as_json,
}
