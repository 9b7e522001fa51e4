"""What the service says, as frozen values. Its own names are those of the API's contract; moments are in UTC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from blanklogo.errors import BlankLogoError, CancelledError, ProcessingError, from_dict
from blanklogo.types.report import Report

OVER = ("completed", "failed", "cancelled")


@dataclass(frozen=True)
class Result:
    """What came of a job, and where it is. Its URL is signed, and not shown.

    Attributes:
        name: under which to save it.
        expires: when the URL ends; a new one can be had while the result is kept.
    """

    name: str
    num_bytes: int
    sha256: str
    url: str = field(repr=False)
    expires: datetime

    @classmethod
    def of_view(cls, told: Mapping[str, Any]) -> Self:
        """From a job's `output`."""
        expires = datetime.fromisoformat(told["expiresAt"])
        return cls(
            str(told["filename"]), int(told["sizeBytes"]), str(told["sha256"]), str(told["downloadUrl"]), expires
        )

    @classmethod
    def of_download(cls, told: Mapping[str, Any]) -> Self:
        """From the answer that is asked for to download."""
        expires = datetime.fromisoformat(told["expires_at"])
        return cls(
            str(told["filename"]), int(told["size_bytes"]), str(told["sha256"]), str(told["download_url"]), expires
        )


@dataclass(frozen=True)
class Job:
    """A job as its owner sees it.

    Attributes:
        status: "queued", "processing", "completed", "failed" or "cancelled".
        step: where it is, in words.
        outcome: of a completed one: "clean", "needs_review" (look at it) or "no_mark" (the result is the input).
        input_bytes: None while it is not known.
        result: of a completed one, while it is kept.
        failure: why it failed.
        report: of a completed one; None in a list.
        from_cache: the earlier job whose result this one was given, without any work.
        num_attempts: how often it was begun.
        metadata: as it was given.
        took_seconds: from the beginning of the work to its end.
    """

    id: str
    status: str
    created: datetime
    progress_percent: int = 0
    step: str = ""
    outcome: str | None = None
    input_name: str = ""
    input_bytes: int | None = None
    result: Result | None = None
    failure: BlankLogoError | None = None
    report: Report | None = field(default=None, repr=False)
    from_cache: str | None = None
    num_attempts: int = 0
    batch_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    took_seconds: float | None = None
    completed: datetime | None = None

    @classmethod
    def of_view(cls, told: Mapping[str, Any]) -> Self:
        """From a job as the API shows it. Raises KeyError, TypeError, ValueError for what is none."""
        took_ms, completed = told.get("processingTimeMs"), told.get("completedAt")
        return cls(
            id=str(told["job_id"]),
            status=str(told["status"]),
            created=datetime.fromisoformat(told["createdAt"]),
            progress_percent=int(told["progress"]),
            step=str(told["current_step"]),
            outcome=told.get("outcome"),
            input_name=str(told["input"]["filename"]),
            input_bytes=told["input"].get("sizeBytes"),
            result=Result.of_view(told["output"]) if told.get("output") else None,
            failure=_failure(told["error"]) if told.get("error") else None,
            report=Report.from_dict(told["report"]) if told.get("report") else None,
            from_cache=told.get("from_cache"),
            num_attempts=int(told["attempts"]),
            batch_id=told.get("batch_id"),
            metadata=dict(told.get("metadata") or {}),
            took_seconds=None if took_ms is None else took_ms / 1000,
            completed=None if completed is None else datetime.fromisoformat(completed),
        )

    @classmethod
    def of_created(cls, told: Mapping[str, Any]) -> Self:
        """From the answer to a request that made it, which says little more than its id."""
        created = datetime.fromisoformat(told["created_at"])
        name, num_bytes = str(told["filename"]), told.get("file_size")
        return cls(str(told["job_id"]), str(told["status"]), created, input_name=name, input_bytes=num_bytes)

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it of itself."""
        return self.status in OVER

    def checked(self) -> Self:
        """The job, if it did not end badly.

        Raises:
            BlankLogoError: what it failed with.
            CancelledError: it was cancelled.
        """
        if self.failure is not None:
            raise self.failure
        if self.status == "failed":
            raise ProcessingError(f"{self.id} failed, and the service does not say why")
        if self.status == "cancelled":
            raise CancelledError(f"{self.id} was cancelled", hint=f"{self.id} can be tried again")
        return self

    def as_dict(self) -> dict[str, Any]:
        """A JSON-like copy, without the result's signed URL."""
        result, failure = self.result, self.failure
        return {
            "job_id": self.id,
            "status": self.status,
            "progress": self.progress_percent,
            "current_step": self.step,
            "outcome": self.outcome,
            "input": {"filename": self.input_name, "bytes": self.input_bytes},
            "result": result and {"filename": result.name, "bytes": result.num_bytes, "sha256": result.sha256},
            "error": failure and failure.as_dict(),
            "report": self.report and self.report.as_dict(),
            "from_cache": self.from_cache,
            "attempts": self.num_attempts,
            "batch_id": self.batch_id,
            "metadata": dict(self.metadata),
            "seconds": self.took_seconds,
            "created": self.created.isoformat(),
            "completed": self.completed and self.completed.isoformat(),
        }


@dataclass(frozen=True)
class Batch:
    """Jobs that were made together.

    Attributes:
        id: by which `list` and `each` find them.
        jobs: as they were when it was asked for, in the order of their videos.
    """

    id: str
    jobs: tuple[Job, ...]
    created: datetime

    @classmethod
    def of_created(cls, told: Mapping[str, Any], names: Sequence[str]) -> Self:
        """From the answer to a request that made it.

        Args:
            names: of the files; "" of what is at a URL.
        """
        batch_id, created = str(told["batch_id"]), datetime.fromisoformat(told["created_at"])
        jobs = [
            Job(str(one["job_id"]), str(one["status"]), created, input_name=name, batch_id=batch_id)
            for one, name in zip(told["jobs"], names, strict=True)
        ]
        return cls(batch_id, tuple(jobs), created)

    def __iter__(self) -> Iterator[Job]:
        return iter(self.jobs)


@dataclass(frozen=True)
class JobPage:
    """Some of the caller's jobs, the newest first.

    Attributes:
        num_total: on all pages.
        offset: how many come before these.
    """

    jobs: tuple[Job, ...]
    num_total: int
    offset: int

    @classmethod
    def of_list(cls, told: Mapping[str, Any]) -> Self:
        return cls(tuple(map(Job.of_view, told["jobs"])), int(told["total"]), int(told["offset"]))

    def __iter__(self) -> Iterator[Job]:
        return iter(self.jobs)

    @property
    def next_offset(self) -> int | None:
        """Where the next page begins; None: there is none."""
        end = self.offset + len(self.jobs)
        return end if self.jobs and end < self.num_total else None


@dataclass(frozen=True)
class PlatformInfo:
    """Where videos come from.

    Attributes:
        crop_px: how high the strip is in which the platform puts its mark.
        crop_position: at which edge.
    """

    id: str
    name: str
    crop_px: int
    crop_position: str

    @classmethod
    def of_view(cls, told: Mapping[str, Any]) -> Self:
        return cls(str(told["id"]), str(told["name"]), int(told["default_crop_pixels"]), str(told["crop_position"]))


@dataclass(frozen=True)
class Health:
    """That a service answers: `status` is "healthy"."""

    status: str
    version: str

    @classmethod
    def of_view(cls, told: Mapping[str, Any]) -> Self:
        return cls(str(told["status"]), str(told["version"]))


@dataclass(frozen=True)
class Readiness:
    """Whether a service can work.

    Attributes:
        parts: by name, "ok" or "unavailable".
        num_orchestrators: how many of its processes do jobs; without any, jobs wait. None: it does not say.
    """

    parts: Mapping[str, str]
    num_orchestrators: int | None = None

    @property
    def is_ready(self) -> bool:
        return set(self.parts.values()) == {"ok"}

    @classmethod
    def of_view(cls, told: Mapping[str, Any]) -> Self:
        parts = {str(name): str(said) for name, said in told.items() if name != "orchestrators"}
        return cls(parts, told.get("orchestrators"))


@dataclass(frozen=True)
class EstimateLine:
    """What a removal takes on one kind of worker; dollars are None where nothing is charged. docs/cost.md has more."""

    provider: str | None
    gpu: str | None
    run_seconds: float
    cold_start_seconds: float
    usd_warm: float | None
    usd_cold: float | None

    @classmethod
    def of_view(cls, told: Mapping[str, Any]) -> Self:
        run, cold = float(told["run_seconds"]), float(told["cold_start_seconds"])
        return cls(told["provider"], told["gpu"], run, cold, told.get("usd_warm"), told.get("usd_cold"))


@dataclass(frozen=True)
class Processed:
    """What `process_video` gives. Unpacks as in `clean_bytes, stats = …`.

    Attributes:
        stats: mode, platform, input_size_mb, output_size_mb, frames_processed, watermarks_detected, processing_time_s.
        report: all of what was done; None: the endpoint tells no more than the figures.
        job_id: of the job that it was at a service.
    """

    video: bytes = field(repr=False)
    stats: Mapping[str, Any]
    report: Report | None = field(default=None, repr=False)
    job_id: str | None = None

    def __iter__(self) -> Iterator[Any]:
        return iter((self.video, self.stats))


def _failure(told: Mapping[str, Any]) -> BlankLogoError:
    """A job's error, of which the API tells the kind, the whole message and the hint."""
    message, hint = str(told["message"]), told.get("hint")
    came, _, accepted = message.removesuffix(f"; try: {hint}").partition("; accepted: ")
    return from_dict({"error": told["error"], "came": came, "accepted": accepted or None, "hint": hint})
