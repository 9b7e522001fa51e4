"""A run's course: fetch, remove, verify, end, tidy; with pauses between attempts while what went wrong may pass.

::

    begin ─┬─ fetch ── remove ── verify ─┬─ end ── tidy
           └────────── pause ◄───────────┘

Here is only the order of things. What a step does, `works` says, and that each counts once, `durable`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from blanklogo.errors import CancelledError
from blanklogo.service.jobs.job import Run

Outcome = dict[str, Any]
"""What a step came to, JSON-like: {"value": …}, or {"error": as `BlankLogoError.as_dict`, "may_pass": whether another
attempt may do better}."""

Step = Callable[[str, Callable[[], Any]], Any]


class Steps(Protocol):
    """What the course is made of. Each may be begun again after a kill, and then comes to the same."""

    @property
    def pauses_seconds(self) -> tuple[float, ...]:
        """Before each further attempt."""
        ...

    def begin(self, run: Run) -> bool:
        """Whether there is anything to do."""
        ...

    def fetch(self, run: Run, attempt: int) -> Outcome:
        """The video comes into the storage, if it is not there."""
        ...

    def remove(self, run: Run) -> Outcome:
        """The engine's call; its value says where the result is, and the report."""
        ...

    def verify(self, run: Run, made: Any) -> Outcome:
        """Whether what was reported is what is there."""
        ...

    def pause(self, run: Run, seconds: float) -> bool:
        """Waits; false as soon as the run is to stop."""
        ...

    def end(self, run: Run, outcome: Outcome) -> None:
        """The run's end is written down."""

    def tidy(self, run: Run) -> None:
        """Files that nobody needs any more are removed."""


def conduct(run: Run, step: Step, works: Steps) -> None:
    """Takes a run from its beginning to its end."""
    if not step("begin", lambda: works.begin(run)):
        return
    outcome = _tried(run, step, works)
    step("end", lambda: works.end(run, outcome))
    step("tidy", lambda: works.tidy(run))


def _tried(run: Run, step: Step, works: Steps) -> Outcome:
    outcome = _attempt(run, step, works, 1)
    for number, seconds in enumerate(works.pauses_seconds, 2):
        if not outcome.get("may_pass"):
            break
        if not step(f"pause {number}", lambda seconds=seconds: works.pause(run, seconds)):
            return {"error": CancelledError("stopped between two attempts").as_dict(), "may_pass": False}
        outcome = _attempt(run, step, works, number)
    return outcome


def _attempt(run: Run, step: Step, works: Steps, number: int) -> Outcome:
    fetched = step(f"fetch {number}", lambda: works.fetch(run, number))
    if "error" in fetched:
        return fetched
    made = step(f"remove {number}", lambda: works.remove(run))
    if "error" in made:
        return made
    return step(f"verify {number}", lambda: works.verify(run, made["value"]))
