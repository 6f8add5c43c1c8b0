"""Find the few runs among many that have ended, where the API server only counts (clauses A4, S1).

One question covers as many runs as fit into a URL. A changed count is narrowed down by halving: at most
``log2(batch)`` questions for each run that ended, and one for its state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

FEW: Final = 2
"""Up to so many runs, asking for the state of each costs no more than counting them."""


class TooLong(Exception):
    """A question was refused for its length, as a proxy before the API server may do."""


@dataclass(slots=True)
class Batches:
    """How many run ids one question can name."""

    length: int = 24_000
    """Characters of run ids in one URL; uvicorn refuses a request head of more than 64 KiB."""

    def of(self, run_ids: Sequence[str]) -> Iterator[Sequence[str]]:
        """Yield the ids in their order, as many at a time as one question can name."""
        start = length = 0
        for end, run_id in enumerate(run_ids):
            size = len("&run_ids=") + len(quote(run_id, safe=""))
            if end > start and length + size > self.length:
                yield run_ids[start:end]
                start, length = end, 0
            length += size
        if start < len(run_ids):
            yield run_ids[start:]


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask about runs of one dag.

    :param count: returns how many of these runs are in one of these states; raises :class:`TooLong`.
    :param state: returns the state of one run, None if there is no such run.
    :param pending: states that do not end a wait.
    """

    count: Callable[[Sequence[str], Sequence[str]], int]
    state: Callable[[str], str | None]
    pending: Sequence[str]

    def ended(self, run_ids: Sequence[str], batches: Batches) -> dict[str, str | None]:
        """Return the state of each run that is in none of the pending states, None for a deleted run."""
        found: dict[str, str | None] = {}
        for batch in list(batches.of(run_ids)):
            found |= self._batch(batch, batches)
        return found

    def _batch(self, run_ids: Sequence[str], batches: Batches) -> dict[str, str | None]:
        try:
            return self._ended(run_ids, None)
        except TooLong:
            if len(run_ids) == 1:
                raise
            batches.length //= 2  # for good: the proxy stays as it is
            return self.ended(run_ids, batches)

    def _ended(self, run_ids: Sequence[str], pending: int | None) -> dict[str, str | None]:
        """Count, and halve until a part holds only runs that are pending, or only others.

        :param pending: how many of them are pending, if that is known.
        """
        if pending is None:
            pending = self.count(run_ids, self.pending) if self.pending else 0
        if pending == len(run_ids):
            return {}
        if pending == 0 or len(run_ids) == 1:
            return self._states(run_ids)
        middle = len(run_ids) // 2
        left = self.count(run_ids[:middle], self.pending)
        return self._ended(run_ids[:middle], left) | self._ended(run_ids[middle:], pending - left)

    def _states(self, run_ids: Sequence[str]) -> dict[str, str | None]:
        if len(run_ids) > FEW and self.count(run_ids, ["success"]) == len(run_ids):
            return dict.fromkeys(run_ids, "success")
        states = {run_id: self.state(run_id) for run_id in run_ids}
        # A run may have been cleared since it was counted.
        return {run_id: state for run_id, state in states.items() if state not in self.pending}
