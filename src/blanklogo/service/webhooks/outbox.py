"""Deliveries come to be here, in the transaction of the change that they tell: both are there, or neither is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection, insert, select

from blanklogo.service.jobs.job import StoredJob
from blanklogo.service.webhooks.delivery import DeliveryState
from blanklogo.service.webhooks.message import USUAL, EventName, body_of, new_id
from blanklogo.service.webhooks.table import deliveries, webhooks


@dataclass(frozen=True)
class Webhook:
    """Who is to be told, and of what.

    Attributes:
        url: may hold a secret of the receiver's.
    """

    url: str = field(repr=False)
    events: tuple[EventName, ...] = USUAL


def subscribe(connection: Connection, job_id: str, owner: str, webhook: Webhook) -> None:
    """From now on the job's events are told there."""
    row = {"job_id": job_id, "owner": owner, "url": webhook.url, "events": " ".join(webhook.events)}
    connection.execute(insert(webhooks).values(row))


def announce(
    connection: Connection, job_id: str, name: EventName, now_seconds: float, read: Callable[[], StoredJob | None]
) -> None:
    """Writes down that an event is to be told, if somebody wants to hear it; each event of a run once, and of the
    progress each step.

    Whoever calls holds the job's row, having changed it just now, so that no two can announce the same at once.

    Args:
        read: the job as it is now; only asked for when somebody wants to hear.
    """
    wanted = select(webhooks.c.events).where(webhooks.c.job_id == job_id, webhooks.c.stopped_seconds.is_(None))
    if name not in (connection.scalar(wanted) or "").split():
        return
    job = read()
    if job is None:
        return
    step = job.step if name is EventName.PROGRESS else ""
    same = {"job_id": job.id, "run_number": job.run_number, "event": str(name), "step": step}
    told = select(deliveries.c.id).where(*(deliveries.c[column] == value for column, value in same.items()))
    if connection.scalar(told) is None:
        connection.execute(insert(deliveries).values(same | _fresh(name, job, now_seconds)))


def _fresh(name: EventName, job: StoredJob, now_seconds: float) -> dict[str, object]:
    event_id = new_id()
    return {
        "id": event_id,
        "owner": job.owner,
        "version": job.version,
        "body": body_of(event_id, name, job, now_seconds),
        "state": DeliveryState.WAITING,
        "created_seconds": now_seconds,
        "due_seconds": now_seconds,
        "leased_until_seconds": 0.0,
        "num_attempts": 0,
        "num_failures": 0,
        "num_replays": 0,
    }
