"""Work that goes on after its process was killed: the one border to DBOS.

A run is a workflow: what each of its steps came to is written down, and a process that starts after another was killed
goes through the run anew, with what is written instead of the steps that were done. Steps may be begun twice, so they
are written to come to the same; they are never done twice once they were done.

Runs wait in one queue, with a part of it for each owner and a bound on each part, so that one owner's hundred jobs
leave room for another's one.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from dbos import DBOS, SetEnqueueOptions, SetWorkflowID
from dbos._serialization import Serializer

from blanklogo.service.jobs.job import Run

Value = TypeVar("Value")
Step = Callable[[str, Callable[[], Any]], Any]
"""(name, what to do) → what it came to, JSON-like: done now, or read if it was done before."""

Conduct = Callable[[Run, Step], None]

_QUEUE = "jobs"
_WORKFLOW = "job"
# Of the steps' order and names, not of the package: runs begun by one version go on under the next that has the same.
_SHAPE = "1"
_OVER = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")


class Leaving(BaseException):  # not an Exception: those are written down as what a step came to
    """Raised out of a step by a process that is about to end, so that the run goes on where it is, in another one."""


@dataclass(frozen=True)
class Width:
    """How many runs are under way at once.

    Attributes:
        num_at_once: in this process.
        num_of_owner: of one owner, in all processes.
    """

    num_at_once: int = 8
    num_of_owner: int = 4


class Durable:
    """Runs through `conduct`, each once. There is one of these in a process at a time, because there is one DBOS.

    Args:
        database_url: where what was done is written: its own SQLite file, or a PostgreSQL database, where it keeps to
            a schema of its own.
        conduct: what a run is; see `course`.
        poll_seconds: how often the queue is looked at.
    """

    def __init__(
        self, database_url: str, conduct: Conduct, width: Width | None = None, poll_seconds: float = 0.2
    ) -> None:
        self._width = width or Width()
        self._poll_seconds = poll_seconds
        logging.getLogger("dbos").setLevel(logging.WARNING)
        DBOS(
            config={
                "name": "blanklogo",
                "system_database_url": database_url,
                "application_version": _SHAPE,
                "executor_id": "blanklogo",
                "serializer": _Json(),
                "log_level": "WARNING",
                "notification_listener_polling_interval_sec": poll_seconds,
            }
        )

        @DBOS.workflow(name=_WORKFLOW)
        def workflow(job_id: str, number: int) -> None:
            conduct(Run(job_id, number), _step)

        self._workflow = workflow

    def start(self) -> None:
        """Takes up what was left, and what waits, from now on."""
        DBOS.launch()
        width = self._width
        DBOS.register_queue(
            _QUEUE,
            worker_concurrency=max(width.num_at_once, width.num_of_owner),
            partition_concurrency=width.num_of_owner,
            polling_interval_sec=self._poll_seconds,
            on_conflict="always_update",
        )

    def put(self, run: Run, owner: str) -> None:
        """Queues a run; one that was queued before stays as it is."""
        with SetWorkflowID(str(run)), SetEnqueueOptions(queue_partition_key=owner):
            DBOS.enqueue_workflow(_QUEUE, self._workflow, run.job_id, run.number)

    def is_known(self, run: Run) -> bool:
        """Whether it was ever queued."""
        return DBOS.get_workflow_status(str(run)) is not None

    def is_over(self, run: Run) -> bool:
        """Whether nothing more will be done for it, whatever it came to."""
        status = DBOS.get_workflow_status(str(run))
        return status is not None and status.status in _OVER

    def forget(self, run: Run) -> None:
        """Removes what was written of a run that is over."""
        with suppress(Exception):  # another process may have
            DBOS.delete_workflow(str(run))

    def close(self) -> None:
        """Takes nothing up any more. Steps under way are to be ended by their `Leaving`."""
        DBOS.destroy(destroy_registry=True)


def _step(name: str, do: Callable[[], Any]) -> Any:
    return DBOS.run_step({"name": name}, do)


class _Json(Serializer):
    """JSON: what was written is read by later versions too, and reading it runs nothing."""

    def serialize(self, data: Any) -> str:
        return json.dumps(data, default=repr)

    def deserialize(self, serialized_data: str) -> Any:
        return json.loads(serialized_data)

    def name(self) -> str:
        return "blanklogo_json"
