"""How a job goes, as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from sse_starlette import EventSourceResponse, ServerSentEvent

from blanklogo.service import views
from blanklogo.service.jobs.job import StoredJob
from blanklogo.service.parts import Parts
from blanklogo.service.routes.asking import Here, JobId, Reader, owned, problems

_LOOK_SECONDS = 0.3  # between two looks at the job
_PING_SECONDS = 15  # proxies close what is silent for longer

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])


@router.get(
    "/{job_id}/events",
    responses={200: {"content": {"text/event-stream": {}}, "description": "until it is over"}, **problems(404, 422)},
    response_class=EventSourceResponse,
)
async def events(request: Request, parts: Here, token: Reader, job_id: JobId) -> EventSourceResponse:
    """Each change of a job, as `GET /api/v1/jobs/{job_id}` tells it: `progress`, and last of all the status that it
    ended in. An event's id is the job's version: who comes back with `Last-Event-ID` is told only what is newer."""
    job = await run_in_threadpool(owned, parts, token, job_id)
    seen = request.headers.get("Last-Event-ID", "")
    last = int(seen) if seen.isdecimal() and len(seen) < 10 else 0
    return EventSourceResponse(_told(parts, job, last), ping=_PING_SECONDS)


async def _told(parts: Parts, job: StoredJob, last_version: int) -> AsyncIterator[ServerSentEvent]:
    while True:
        if job.version > last_version:
            last_version = job.version
            told = views.view(job, parts.storage, parts.store.clock(), is_brief=not job.state.is_over)
            name = str(job.state) if job.state.is_over else "progress"
            yield ServerSentEvent(told.model_dump_json(exclude_none=True), event=name, id=str(job.version))
        if job.state.is_over or parts.leaving.is_set():
            return
        await asyncio.sleep(_LOOK_SECONDS)
        found = await run_in_threadpool(parts.store.get, job.id)
        if found is None:
            return
        job = found
