"""A delivery as it is looked at: one event, on its way to one receiver, attempt after attempt."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

LIMIT_SECONDS = 10.0  # for one attempt, from the look-up of the receiver's name to the last byte that is read
_SPARE_SECONDS = 5.0  # by which a lease is longer than twice what an attempt may take; a look-up has no limit of ours


class DeliveryState(StrEnum):
    """How far an event has come."""

    WAITING = "waiting"  # for its first attempt or another, or under way
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True)
class Patience:
    """How often a receiver is tried.

    Attributes:
        limit_seconds: for one attempt.
        pauses_seconds: before each further attempt.
    """

    limit_seconds: float = LIMIT_SECONDS
    pauses_seconds: tuple[float, ...] = (10.0, 60.0)

    @property
    def lease_seconds(self) -> float:
        return 2 * self.limit_seconds + _SPARE_SECONDS


@dataclass(frozen=True)
class Claim:
    """An attempt that this process is to make. `number` is the attempt's, from 1."""

    id: str
    job_id: str
    owner: str
    event: str
    url: str = field(repr=False)
    body: str = field(repr=False)
    number: int
    num_failures: int


@dataclass(frozen=True)
class Attempt:
    """One try. `took_seconds` None: it is under way, or its process ended first."""

    number: int
    at_seconds: float
    took_seconds: float | None
    status: int | None
    error: str | None
    excerpt: str | None


@dataclass(frozen=True)
class Delivery:
    """One event, on its way or afterwards.

    Attributes:
        reason: why it failed.
        due_seconds: when it is tried next, while it waits.
        num_replays: how often its owner asked for it again.
        attempts: the latest, the oldest of them first.
    """

    id: str
    event: str
    url: str = field(repr=False)
    state: DeliveryState
    reason: str | None
    created_seconds: float
    due_seconds: float
    ended_seconds: float | None
    num_attempts: int
    num_replays: int
    attempts: tuple[Attempt, ...]
