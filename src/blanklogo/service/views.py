"""Jobs as answers."""

from __future__ import annotations

from blanklogo.errors import ConflictError, NotFoundError
from blanklogo.service.bodies import (
    BatchCreated,
    BatchJob,
    Download,
    InputView,
    JobCreated,
    JobView,
    OutputView,
    moment,
)
from blanklogo.service.jobs.intake import Created
from blanklogo.service.jobs.job import StoredJob
from blanklogo.service.jobs.states import State
from blanklogo.service.storage import Storage

LINK_SECONDS = 3600.0  # for which a download's URL holds, if the result itself does not expire before


def created(job: StoredJob) -> JobCreated:
    """A job that has just been queued."""
    return JobCreated(
        job_id=job.id,
        status=job.state,
        platform=job.request.get("platform"),
        created_at=moment(job.created_seconds),
        filename=job.input_name,
        file_size=job.input_bytes,
    )


def batch_created(made: Created) -> BatchCreated:
    """A batch that has just been queued."""
    return BatchCreated(
        batch_id=made.batch_id or "",
        jobs=[BatchJob(job_id=job.id, status=job.state) for job in made.jobs],
        total=len(made.jobs),
        created_at=moment(made.jobs[0].created_seconds),
    )


def view(job: StoredJob, storage: Storage, now_seconds: float, *, is_brief: bool = False) -> JobView:
    """A job as its owner sees it. Brief: without its report, for lists."""
    done = job.completed_seconds
    took = None if done is None or job.started_seconds is None else int((done - job.started_seconds) * 1000)
    return JobView(
        job_id=job.id,
        status=job.state,
        progress=job.percent,
        current_step=job.step,
        outcome=job.outcome,
        input=InputView(filename=job.input_name, sizeBytes=job.input_bytes),
        output=_output(job, storage, now_seconds),
        error=None if job.error is None else {name: job.error[name] for name in ("error", "message", "hint")},
        report=None if is_brief or job.report is None else dict(job.report),
        from_cache=(job.report or {}).get("from_cache"),
        attempts=job.num_attempts,
        batch_id=job.batch_id,
        metadata=job.request.get("metadata") or {},
        processingTimeMs=took,
        createdAt=moment(job.created_seconds),
        completedAt=None if done is None else moment(done),
    )


def download(job: StoredJob, storage: Storage, now_seconds: float) -> Download:
    """Where the result is.

    Raises:
        ConflictError: there is none, or not yet.
        NotFoundError: it has expired.
    """
    if job.is_expired:
        raise NotFoundError(f"the result of {job.id} was removed when its time was over", hint="a new job")
    output = _output(job, storage, now_seconds)
    if output is None:
        hint = "later" if not job.state.is_over else "look at the job's error"
        raise ConflictError(f"{job.id} is {job.state} and has no result", accepted=State.COMPLETED, hint=hint)
    return Download(
        download_url=output.downloadUrl,
        filename=output.filename,
        expires_at=output.expiresAt,
        size_bytes=output.sizeBytes,
        sha256=output.sha256,
    )


def _output(job: StoredJob, storage: Storage, now_seconds: float) -> OutputView | None:
    if job.output_key is None or job.output_bytes is None or job.output_sha256 is None:
        return None
    seconds = max(min(LINK_SECONDS, job.expires_seconds - now_seconds), 1.0)
    return OutputView(
        filename=job.output_name,
        sizeBytes=job.output_bytes,
        sha256=job.output_sha256,
        downloadUrl=storage.sign_get(job.output_key, seconds, job.output_name),
        expiresAt=moment(now_seconds + seconds),
    )
