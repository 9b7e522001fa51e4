"""What is told: events by name, and the bodies that tell them.

A body is written once, when its event happens, so that it is the same in every attempt. It holds no secret and no
signed URL, which might outlive whoever it was meant for: it names the routes by which the owner asks for more.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from blanklogo.service.jobs.job import StoredJob
from blanklogo.service.jobs.states import State

ID_FORM = r"^evt_[0-9a-f]{24}$"


class EventName(StrEnum):
    """What happens to a job."""

    STARTED = "job.started"
    PROGRESS = "job.progress"  # another step begins
    COMPLETED = "job.completed"
    FAILED = "job.failed"
    CANCELLED = "job.cancelled"


USUAL = tuple(name for name in EventName if name is not EventName.PROGRESS)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InputTold(_Part):
    filename: str
    sizeBytes: int | None = None


class OutputTold(_Part):
    filename: str
    sizeBytes: int
    sha256: str
    route: str = Field(description="where the result's URL is to be asked for", examples=["/api/v1/jobs/ID/download"])


class ErrorTold(_Part):
    error: str
    message: str
    hint: str | None = None


class JobTold(_Part):
    """A job as it was when the event happened."""

    jobId: str = Field(examples=["job_0123456789ab"])
    batchId: str | None = None
    status: State
    outcome: str | None = None
    progress: int
    currentStep: str
    run: int = Field(description="from 1; one more with every retry")
    attempts: int
    input: InputTold
    output: OutputTold | None = None
    error: ErrorTold | None = None
    metadata: dict[str, Any] = Field(description="as the job's maker gave it")
    createdAt: datetime
    completedAt: datetime | None = None
    route: str = Field(description="where the job is to be asked for", examples=["/api/v1/jobs/job_0123456789ab"])


class EventTold(_Part):
    """A webhook's body."""

    id: str = Field(description="the same in every attempt and replay", examples=["evt_0123456789abcdef01234567"])
    event: EventName
    timestamp: datetime = Field(description="when it happened")
    data: JobTold


def new_id() -> str:
    """An event's id, of 96 random bits."""
    return f"evt_{secrets.token_hex(12)}"


def event_of(state: State) -> EventName:
    """What tells of a job's end. Raises ValueError for a state that is none."""
    return EventName(f"job.{state}")


def body_of(event_id: str, name: EventName, job: StoredJob, now_seconds: float) -> str:
    """The body, as JSON."""
    told = EventTold(id=event_id, event=name, timestamp=_moment(now_seconds), data=_job(job))
    return told.model_dump_json(exclude_none=True)


def _job(job: StoredJob) -> JobTold:
    route = f"/api/v1/jobs/{job.id}"
    error = None if job.error is None else ErrorTold(**{name: job.error[name] for name in ErrorTold.model_fields})
    return JobTold(
        jobId=job.id,
        batchId=job.batch_id,
        status=job.state,
        outcome=job.outcome,
        progress=job.percent,
        currentStep=job.step,
        run=job.run_number,
        attempts=job.num_attempts,
        input=InputTold(filename=job.input_name, sizeBytes=job.input_bytes),
        output=_output(job, f"{route}/download"),
        error=error,
        metadata=job.request.get("metadata") or {},
        createdAt=_moment(job.created_seconds),
        completedAt=None if job.completed_seconds is None else _moment(job.completed_seconds),
        route=route,
    )


def _output(job: StoredJob, route: str) -> OutputTold | None:
    if job.output_key is None or job.output_bytes is None or job.output_sha256 is None:
        return None
    return OutputTold(filename=job.output_name, sizeBytes=job.output_bytes, sha256=job.output_sha256, route=route)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
