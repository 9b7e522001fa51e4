"""Jobs: made, looked at, fetched, cancelled, tried again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from blanklogo.errors import ConflictError
from blanklogo.service import views
from blanklogo.service.bodies import (
    BatchCreated,
    BatchRequest,
    Download,
    JobCreated,
    JobList,
    JobRequest,
    JobView,
    Options,
    Source,
)
from blanklogo.service.jobs.intake import Wish
from blanklogo.service.jobs.job import StoredJob
from blanklogo.service.jobs.states import State
from blanklogo.service.names import name_in_url
from blanklogo.service.parts import Parts
from blanklogo.service.repeats import IdempotencyKey, repeatable
from blanklogo.service.routes.asking import BODY, Here, JobId, Reader, Submitter, caller_of, missing, owned, problems

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])


@router.post("", status_code=201, responses=problems(409, *BODY))
def create(
    request: Request, parts: Here, token: Submitter, body: JobRequest, idempotency_key: IdempotencyKey = None
) -> JobCreated:
    """Queues a removal of a video at a URL, or of an upload."""
    named = repeatable(token.owner, idempotency_key, "job", body.model_dump_json())
    made = parts.create(caller_of(request, token), [_wish(body, body)], named)
    return views.created(made.jobs[0])


@router.post("/batch", status_code=201, responses=problems(409, *BODY))
def create_batch(
    request: Request, parts: Here, token: Submitter, body: BatchRequest, idempotency_key: IdempotencyKey = None
) -> BatchCreated:
    """Queues up to 20 removals with the same options, all or none."""
    named = repeatable(token.owner, idempotency_key, "batch", body.model_dump_json())
    wishes = [_wish(source, body) for source in body.videos]
    return views.batch_created(parts.create(caller_of(request, token), wishes, named, is_batch=True))


@router.get("", responses=problems(422))
def list_(
    parts: Here,
    token: Reader,
    status: Annotated[list[State], Query(description="only these; may be given several times")] = [],  # noqa: B006
    batch_id: Annotated[str | None, Query(pattern=r"^batch_[0-9a-f]{12}$")] = None,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> JobList:
    """The caller's jobs, the newest first, without their reports."""
    page = parts.store.page(token.owner, status, batch_id, offset, limit)
    jobs = [_view(parts, job, is_brief=True) for job in page.jobs]
    return JobList(jobs=jobs, total=page.num_total, offset=offset, limit=limit)


@router.get("/{job_id}", responses=problems(404, 422))
def get(parts: Here, token: Reader, job_id: JobId) -> JobView:
    """How a job is."""
    return _view(parts, owned(parts, token, job_id))


@router.get("/{job_id}/download", responses=problems(404, 409, 422))
def download(parts: Here, token: Reader, job_id: JobId) -> Download:
    """A signed URL of the result, with its checksum."""
    return views.download(owned(parts, token, job_id), parts.storage, parts.store.clock())


@router.delete("/{job_id}", responses=problems(404, 409, 422))
def cancel(request: Request, parts: Here, token: Submitter, job_id: JobId) -> JobView:
    """Cancels a job: one that waits at once, one that is worked on within a second or so."""
    before = owned(parts, token, job_id)
    if before.state.is_over and before.state is not State.CANCELLED:
        raise ConflictError(f"{job_id} is {before.state}", accepted="a job that is not over")
    job = parts.store.ask_cancel(token.owner, job_id)
    if job is None:
        raise missing(job_id)
    parts.intake.note_action(caller_of(request, token), "job.cancel", job_id, {"status": str(job.state)})
    return _view(parts, job)


@router.post("/{job_id}/retry", responses=problems(404, 409, 422))
def retry(
    request: Request, parts: Here, token: Submitter, job_id: JobId, idempotency_key: IdempotencyKey = None
) -> JobView:
    """Queues a job anew that failed or was cancelled, while its input is still there."""
    named = repeatable(token.owner, idempotency_key, "retry", job_id)
    parts.retry(caller_of(request, token), owned(parts, token, job_id), named)
    return _view(parts, owned(parts, token, job_id))


def _view(parts: Parts, job: StoredJob, *, is_brief: bool = False) -> JobView:
    return views.view(job, parts.storage, parts.store.clock(), is_brief=is_brief)


def _wish(source: Source, options: Options) -> Wish:
    name = name_in_url(source.video_url) if source.video_url else None
    return Wish(options.request(), source.video_url, source.upload_id, name, webhook=options.webhook())
