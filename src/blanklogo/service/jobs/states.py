"""A job's states, which of them follow which, and how far a job is in words and in percent.

::

    queued ── processing ── completed
       │  ▲        ├─────── failed ────┐
       │  │        └─────── cancelled ─┤
       └──┼──── failed, cancelled ─────┤
          └──────── retry ─────────────┘
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from blanklogo.errors import OptionError
from blanklogo.types import Progress


class State(StrEnum):
    """What a job's `status` says."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise OptionError(f"status {value!r}", accepted=", ".join(cls))

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it of itself."""
        return self not in (State.QUEUED, State.PROCESSING)


BEFORE: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.FAILED, State.CANCELLED}),  # by a retry
    State.PROCESSING: frozenset({State.QUEUED}),
    State.COMPLETED: frozenset({State.PROCESSING}),
    State.FAILED: frozenset({State.QUEUED, State.PROCESSING}),
    State.CANCELLED: frozenset({State.QUEUED, State.PROCESSING}),
}
"""From which states each may be entered."""


@dataclass(frozen=True)
class Step:
    """A stretch of a job's way.

    Attributes:
        percent: where it begins.
        words: for people, and part of the API's contract.
    """

    percent: int
    words: str


QUEUED = Step(0, "Queued")
STARTING = Step(5, "Starting")
DOWNLOADING = Step(10, "Downloading video")
ANALYZING = Step(30, "Analyzing video")
REMOVING = Step(40, "Removing watermark")
UPLOADING = Step(70, "Uploading result")
FINALIZING = Step(90, "Finalizing")
COMPLETE = Step(100, "Complete")

STEPS = (QUEUED, STARTING, DOWNLOADING, ANALYZING, REMOVING, UPLOADING, FINALIZING, COMPLETE)

# A removal's stages as the engine tells them: the step each belongs to, the share of it where it begins, where it ends.
_STAGES = {
    "look": (ANALYZING, 0.0, 0.6),
    "learn": (ANALYZING, 0.6, 1.0),
    "restore": (REMOVING, 0.0, 1.0),
    "verify": (UPLOADING, 0.0, 0.8),
}


def step_of(event: Progress) -> Step:
    """How far a job is, by what its engine says; a stage that is not known counts as the beginning of the removal.

    `percent` lies in the step's stretch, and does not fall while a stage goes on.
    """
    step, start, end = _STAGES.get(event.stage, (REMOVING, 0.0, 0.0))
    following = STEPS[STEPS.index(step) + 1]
    done = min(event.done / event.total, 1.0) if event.total > 0 else 0.0
    share = start + (end - start) * done
    return Step(step.percent + int(share * (following.percent - step.percent)), step.words)
