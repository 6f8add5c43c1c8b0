"""Measures one operator once, in a process of its own: ``python -m benchmarks.probe cost|parse SUBJECT``.

Runs in the environment of an Airflow and prints one line of JSON. Memory is in bytes. Times are in seconds of
the processor, which others on the machine lengthen little; all that is timed here computes, none of it waits.
Import is timed by the clock on the wall too.
"""

from __future__ import annotations

import gc
import inspect
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from benchmarks import subjects

OPERATORS: Final = 1000
TRIGGERS_IN_FILE: Final = 200
EXECUTIONS: Final = 2000
START: Final = datetime(2024, 1, 1, tzinfo=timezone.utc)

DAG_FILE: Final = """\
from datetime import datetime, timezone
{baseline}
from {home} import TriggerDagRunOperator

with DAG("d", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=timezone.utc)):
    for number in range({triggers}):
        TriggerDagRunOperator(task_id=f"t{{number}}", trigger_dag_id="child", wait_for_completion=True)
"""


def imports(subject: str) -> dict[str, float]:
    """What the operator costs a dag file over ``DAG`` and ``BaseOperator``."""
    subjects.baseline()
    home = subjects.home(subject)
    modules, memory = set(sys.modules), _resident()
    began, wall = time.process_time(), time.perf_counter()
    subjects.load(subject)
    seconds, wall = time.process_time() - began, time.perf_counter() - wall
    assert home in sys.modules
    return {
        "import_seconds": seconds,
        "import_wall_seconds": wall,
        "import_modules": len(set(sys.modules) - modules),
        "import_bytes": _resident() - memory,
    }


def construct(subject: str) -> float:
    """Return how long 1,000 operators in one dag take to construct."""
    dag, _ = subjects.baseline()
    operator = subjects.load(subject)
    given = subjects.arguments(subject)

    def build(count: int) -> float:
        with dag("d", schedule=None, start_date=START):
            began = time.process_time()
            for number in range(count):
                operator(task_id=f"t{number}", **given)
            return time.process_time() - began

    build(10)
    # Collecting all that Airflow has imported takes longer than the 1,000 operators, and comes by chance.
    gc.collect()
    gc.freeze()
    return min(build(OPERATORS) for _ in range(3))


def parse(subject: str) -> dict[str, float]:
    """Parse a file of 200 triggers with Airflow's own DagBag: the first file of a process, and again."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # until 3.2
        from airflow.models.dagbag import DagBag
    known = inspect.signature(DagBag.__init__).parameters
    dag, _ = subjects.baseline()
    source = (
        "from airflow import DAG"
        if dag.__module__.startswith("airflow.models")
        else "from airflow.sdk import DAG"
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "triggers.py")
        text = DAG_FILE.format(baseline=source, home=subjects.home(subject), triggers=TRIGGERS_IN_FILE)
        file.write_text(text, encoding="utf-8")

        wanted: dict[str, Any] = {"bundle_path": Path(folder), "bundle_name": "b", "include_examples": False}
        asked = {name: value for name, value in wanted.items() if name in known}

        def once() -> float:
            gc.collect()
            began = time.process_time()
            bag = DagBag(str(file), **asked)
            seconds = time.process_time() - began
            assert not bag.import_errors, bag.import_errors
            assert len(bag.dags["d"].tasks) == TRIGGERS_IN_FILE
            return seconds

        return {"parse_first_seconds": once(), "parse_again_seconds": once()}


def execute(subject: str) -> float:
    """Return what ``execute`` takes per call, up to where the trigger would leave the process."""
    operator: Any = subjects.load(subject)(task_id="t", trigger_dag_id="child", conf={"day": "2024-01-01"})
    operator.openlineage_inject_parent_info = False  # the OpenLineage provider's own time, for both
    # What a log line costs is for the log's handlers to say; here it goes nowhere, for both.
    type(operator).log = SimpleNamespace(**dict.fromkeys(("debug", "info", "warning"), _drop))
    context = {"ti": _task_instance(), "task_instance": _task_instance()}
    run = _ours(operator, context) if subject == subjects.OURS else _upstreams(operator, context)
    for _ in range(20):
        run()
    gc.collect()
    gc.freeze()
    began = time.process_time()
    for _ in range(EXECUTIONS):
        run()
    return (time.process_time() - began) / EXECUTIONS


def _task_instance() -> Any:
    return SimpleNamespace(
        dag_id="parent",
        run_id="manual__2024-01-01T00:00:00+00:00",
        task_id="t",
        map_index=-1,
        try_number=1,
        max_tries=0,
        xcom_push=lambda **_: None,
        stats_tags={},
    )


def _drop(*_: Any, **__: Any) -> None:
    pass


class _LeftError(BaseException):
    """The trigger has left the process."""


def _leave(*_: Any, **__: Any) -> None:
    raise _LeftError


def _ours(operator: Any, context: Mapping[str, Any]) -> Callable[[], None]:
    from trigger_compat import dispatch, paths
    from trigger_compat.task.attempt import Attempt

    operator.durable = True  # the identity that costs most: computed, hashed
    paths.load(dispatch.default_path(dispatch.release())).submit = _leave  # type: ignore[method-assign, assignment]

    def run() -> None:
        operator.trigger_run_id = None
        try:
            Attempt.begin(operator, context).submit()
        except _LeftError:
            return
        raise AssertionError("nothing was sent")

    return run


def _upstreams(operator: Any, context: Mapping[str, Any]) -> Callable[[], None]:
    # On 2.11 `execute` goes straight to the database.
    module = sys.modules[type(operator).__module__]
    if hasattr(operator, "_trigger_dag_af_3"):
        operator._trigger_dag_af_3 = operator._trigger_dag_af_2 = _leave
    else:
        module.trigger_dag = _leave  # type: ignore[attr-defined]
    inner = type(operator).execute
    inner = getattr(inner, "__wrapped__", inner)  # a task runner calls what this wraps

    def run() -> None:
        operator.trigger_run_id = None
        try:
            inner(operator, context)
        except _LeftError:
            return
        raise AssertionError("nothing was sent")

    return run


def _resident() -> int:
    """Memory of this process, now; its peak says nothing, because Airflow alone has gone higher before."""
    gc.collect()
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * 4096


def cost(subject: str) -> dict[str, float]:
    """Measure import first, while the operator is not loaded; then construction, then ``execute``."""
    measured = imports(subject)
    measured["construct_seconds"] = construct(subject)
    measured["construct_bare_seconds"] = construct(subjects.BARE)
    measured["construct_least_seconds"] = construct(subjects.LEAST)
    measured["execute_seconds"] = execute(subject)
    return measured


if __name__ == "__main__":
    measure = {"cost": cost, "parse": parse}[sys.argv[1]]
    print("PROBE", json.dumps(measure(sys.argv[2])), flush=True)
