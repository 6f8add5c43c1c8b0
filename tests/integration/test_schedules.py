"""``durable=True`` under any schedule of crashes, clears, overlapping tries and ends of the child (X1-X15).

Each path runs hundreds of generated schedules against a model of Airflow (``simulation``). On a failure the
whole schedule is printed, cut down to what is needed, with what happened at which point of which try. A long
run takes new schedules each time: ``TRIGGER_COMPAT_EXAMPLES=1000 pytest tests/integration -k any_schedule``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.integration.simulation import (
    FINISHED,
    HAS_STORE,
    RUNNER_RETRIES_A_FAILED_CHILD,
    WAITS_FOR_RETRY,
    Border,
    Event,
    Overlap,
    Plan,
    Run,
    Setup,
    World,
)
from trigger_compat import dispatch

pytestmark = pytest.mark.filterwarnings("ignore", "error:::trigger_compat")
EXAMPLES = os.environ.get("TRIGGER_COMPAT_EXAMPLES")
SETTINGS = settings(
    max_examples=int(EXAMPLES or 150),
    derandomize=not EXAMPLES,
    stateful_step_count=12,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
SUPPORTED = [row.name for row in dispatch.PATHS if dispatch.within(row.supported_on)]
FATES = st.sampled_from(["success", "failed", "deleted"])


def plans(overlap: st.SearchStrategy[Overlap] | None = None) -> st.SearchStrategy[Plan]:
    """Plans with a few events, among them overlapping tries if given."""
    event: st.SearchStrategy[Event | Overlap] = st.sampled_from(Event)
    # A crash is what it is all about, and an overlap the rarest thing to be hit at the right moment.
    events = st.one_of(event, st.just(Event.CRASH), *([overlap, overlap] if overlap is not None else []))
    return st.builds(
        Plan,
        events=st.dictionaries(st.integers(0, 16), events, max_size=3),
        fate=FATES,
        looks=st.integers(0, 3),
    )


def overlaps(inner: st.SearchStrategy[Plan]) -> st.SearchStrategy[Overlap]:
    return st.builds(Overlap, inner, cleared=st.booleans())


PLANS = plans(overlaps(plans(overlaps(plans()))))


EDITS = st.none() | st.none() | st.integers(1, 4)
"""What ``retries`` is before a try, if the author has edited it."""


def setups(path: str) -> st.SearchStrategy[Setup]:
    """The arguments and surroundings of a parent on the installed Airflow."""
    return st.builds(
        Setup,
        path=st.just(path),
        # More of those whose tries fail with the child, because they reach the later generations.
        wait=st.sampled_from([True, True, False]),
        deferrable=st.sampled_from([False, False, True]),
        pinned=st.sampled_from(["", "", "", "trigger_run_id", "logical_date"]),
        exists=st.sampled_from(["fail", "skip", "reset"]),
        retries=st.integers(1, 4),
        store=st.booleans() if dispatch.within(HAS_STORE) else st.just(value=False),
    )


@dataclass(frozen=True)
class Foreseen:
    """What an undisturbed try must come to, by the contract.

    :param child: the run it reconnects to, None for a new one.
    :param pending: the child has not ended before the try.
    :param reset: the run is reset.
    :param ends: the parent's state, None where that is up to the child.
    """

    child: Run | None = None
    pending: bool = True
    reset: bool = False
    ends: str | None = None

    @classmethod
    def by(cls, world: World) -> Foreseen:
        """Say it for the next try."""
        setup = world.setup
        if not setup.pinned:
            children = [run for run in world.runs if run.epoch == world.epoch and not run.deleted]
            kept = [run for run in children if run.state != "failed"]
            return cls(kept[0], pending=kept[0].live) if kept else cls()
        run = world.existing(setup.pinned_run_id)
        if run is None:
            return cls()
        if not world.fresh and run.state != "failed":
            return cls(run, pending=run.live)
        if setup.exists == "reset":
            return cls(run, reset=True)
        return cls(run, ends="skipped" if world.fresh and setup.exists == "skip" else "failed")


class Schedule(RuleBasedStateMachine):
    """One parent, from its first try to its end, and over again when it is cleared."""

    world: World

    def __init__(self, border: Border, path: str) -> None:
        super().__init__()
        self.border = border
        self.path = path

    @initialize(data=st.data())
    def parent(self, data: st.DataObject) -> None:
        self.world = self.border.world = World(data.draw(setups(self.path), label="setup"))

    @precondition(lambda self: self.world.startable)
    @rule(plan=PLANS, retries=EDITS)
    def a_try(self, plan: Plan, retries: int | None) -> None:
        self.edit(retries)
        self.world.start(plan)

    @precondition(lambda self: self.world.startable)
    @rule(fate=st.sampled_from(["success", "failed", "failed", "deleted"]), retries=EDITS)
    def an_undisturbed_try(self, fate: str, retries: int | None) -> None:
        self.edit(retries)
        self.undisturbed(fate)

    @precondition(lambda self: self.world.startable and not self.world.setup.pinned)
    @rule(crash=st.integers(2, 12), retries=st.integers(1, 4))
    def a_crash_then_an_edit(self, crash: int, retries: int) -> None:
        """The one time when an edit matters: between a try that leaves its child and the next one (X15)."""
        self.world.start(Plan(events={crash: Event.CRASH}))
        self.edit(retries)
        if self.world.startable:
            self.undisturbed("success")

    @precondition(lambda self: self.world.state == "deferred")
    @rule(plan=PLANS)
    def the_triggerer_looks(self, plan: Plan) -> None:
        self.world.resume(plan)

    @precondition(lambda self: self.world.state in (*FINISHED, WAITS_FOR_RETRY, "deferred"))
    @rule(how=st.sampled_from(["cleared", "cleared", "cleared after its run", "recreated", "next iteration"]))
    def a_new_epoch(self, how: str) -> None:
        """One rule for all of them, or few schedules would reach a retry."""
        world = self.world
        if how == "recreated" and not world.setup.pinned:
            world.create_run_again()
        elif how == "next iteration" and not world.setup.pinned:
            world.next_iteration()
        else:
            world.clear(run_ended=how != "cleared")

    @precondition(lambda self: self.world.iteration is not None and self.world.state in FINISHED)
    @rule()
    def the_iteration_run_anew(self) -> None:
        self.world.run_iteration_anew()

    @rule(event=st.sampled_from([event for event in Event if event not in (Event.CRASH, Event.AWAY)]))
    def between_tries(self, event: Event) -> None:
        self.world.happen(event)

    @precondition(lambda self: self.world.setup.store)
    @rule(fails=st.booleans())
    def the_store(self, fails: bool) -> None:
        self.world.store_fails = fails

    @invariant()
    def nothing_is_broken(self) -> None:
        self.world.check_live()
        assert not self.world.broken

    def teardown(self) -> None:
        """Whatever has happened, undisturbed tries bring the parent to an end."""
        world = getattr(self, "world", None)
        if world is None or world.broken or world.state == "running":
            return
        while world.state not in FINISHED:
            if world.startable:
                self.undisturbed("success")
            elif world.state == "lost":
                world.notice_loss()
            elif not world.resume(Plan()):
                return  # Airflow's own trigger waits for a deleted run for ever (exception-W4-deferred)
            self.nothing_is_broken()

    def edit(self, retries: int | None) -> None:
        """Edit the dag file before a try, unless the parent is pinned.

        That one takes its own run for a foreign one then, or the reverse, where there is no record.
        """
        if retries is not None and not self.world.setup.pinned:
            self.world.edit_retries(retries)

    def undisturbed(self, fate: str) -> None:
        """Run a try that nothing happens to, and compare its end with what the contract says of it."""
        world = self.world
        if world.replays:
            world.start(Plan(fate=fate))
            return
        foreseen = Foreseen.by(world)
        before = len(world.runs), sum(run.resets for run in world.runs)
        world.start(Plan(fate=fate))
        if world.state == "lost":
            world.notice_loss()
        self.nothing_is_broken()

        created = world.runs[before[0] :]
        assert len(created) == (0 if foreseen.child else 1)
        assert sum(run.resets for run in world.runs) == before[1] + foreseen.reset
        child = foreseen.child or created[0]
        assert world.state == (foreseen.ends or self.end_by(child, foreseen))
        if foreseen.ends != "failed":
            assert world.xcoms["trigger_run_id"] == child.run_id

    def end_by(self, child: Run, foreseen: Foreseen) -> str:
        """Return the parent's end by that of the child."""
        setup = self.world.setup
        if not setup.wait or not foreseen.pending:
            return "success"
        if setup.deferrable:
            return "deferred"
        if child.state == "success":
            return "success"
        by_runner = setup.path == "exception" and (foreseen.reset or not foreseen.child)
        if by_runner and not child.deleted and not dispatch.within(RUNNER_RETRIES_A_FAILED_CHILD):
            return "failed"
        return self.world.failed()


@pytest.mark.parametrize("path_name", SUPPORTED)
def test_any_schedule(path_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    border = Border(monkeypatch)
    schedule: Any = partial(Schedule, border, path_name)  # a factory will do, though a class is asked for
    run_state_machine_as_test(schedule, settings=SETTINGS)
