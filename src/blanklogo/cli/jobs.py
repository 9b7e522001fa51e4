"""`blanklogo jobs`: removals at a service, from this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from blanklogo.cli import job_options as at
from blanklogo.cli import options
from blanklogo.cli.job_words import job_words, table
from blanklogo.cli.many import BEST_FIRST
from blanklogo.cli.output import Output
from blanklogo.errors import BlankLogoError, CancelledError, ConflictError, OptionError, UnavailableError

if TYPE_CHECKING:
    from blanklogo.client import Client, Job

jobs = typer.Typer(
    name="jobs", help="Removals at a service: submit, follow, fetch, cancel, retry.", rich_markup_mode=None
)

_ASKING = "The service is --url or BLANKLOGO_URL, the token BLANKLOGO_TOKEN=ID:SECRET; docs/client.md."
_EXITS = (
    "Exit codes: 0 done, 1 the job failed or the service cannot be reached, 2 asked for wrongly (or the\n"
    "video is none), 130 interrupted; the job itself goes on."
)


@jobs.command(
    epilog=f"""\b
Examples:
  blanklogo jobs submit clip.mp4 --rights-confirmed                      says the job's id
  blanklogo jobs submit clip.mp4 --rights-confirmed -o clip.clean.mp4    waits, and fetches the result
  blanklogo jobs submit https://example.com/clip.mp4 --rights-confirmed  the service fetches it
  blanklogo jobs submit a.mp4 b.mp4 --rights-confirmed -o clean/         a batch of up to 20
  blanklogo jobs submit long.mp4 --rights-confirmed --platform sora --wait --json

Stopped while uploading, the same command goes on where it was. {_ASKING}
{_EXITS}"""
)
def submit(
    context: typer.Context,
    sources: at.Sources,
    is_confirmed: at.Confirmed = False,
    mode: at.Mode = None,
    platform: options.Platform = None,
    boxes: options.Boxes = None,
    start: options.Start = None,
    end: options.End = None,
    codec: at.Codec = None,
    quality: at.Quality = None,
    is_fresh: at.Fresh = False,
    key: at.Key = None,
    is_waiting: at.Waiting = False,
    target: at.FetchTo = None,
    overwrite: at.Overwrite = False,
    url: at.Url = None,
    is_json: options.Json = False,
    is_quiet: options.Quiet = False,
) -> int:
    """Have a service remove a mark: bring the video there, queue the job, and with -o fetch the result.

    The upload goes on after a broken line, and nothing is made double. Several videos are a batch with the same
    options: all are queued, or none; OUT is a folder then.
    """
    how = at.how(mode, platform, boxes, start, end) | {"codec": codec, "quality": quality, "fresh": is_fresh or None}
    if not is_confirmed:
        hint = "--rights-confirmed, if you own the video or hold the rights to change it"
        raise OptionError("the rights to the video were not confirmed", accepted="who may change it", hint=hint)
    fetch = None if target is None else at.Fetch(target, overwrite, is_of_many=len(sources) > 1)
    output = Output(context.obj, is_json=is_json, is_quiet=is_quiet, num_sources=len(sources), asks_stop=False)
    asked = how | {"rights_confirmed": True, "idempotency_key": key, "on_progress": output.event}
    asked["notes"] = at.notes_folder(os.environ, sys.platform)
    with _client(url) as client, output:
        with _told(f"what came of {', '.join(sources)} is kept; the same command goes on from there"):
            batch = client.submit_batch(sources, **asked) if len(sources) > 1 else None
            made = [client.submit(sources[0], **asked)] if batch is None else list(batch)
        if is_waiting or fetch is not None:
            output.words([f"{job.id}: queued" for job in made])
            return _all_followed(client, output, made, sources, fetch)
    if batch is None:
        output.result({"job": made[0].as_dict()}, [made[0].id], is_data=True)
        output.words([f"queued; `blanklogo jobs wait {made[0].id} -o OUT` follows it and fetches the result"])
    else:
        fields = {"batch_id": batch.id, "jobs": [job.as_dict() for job in made]}
        output.result(fields, [job.id for job in made], is_data=True)
        output.words([f"queued; `blanklogo jobs list --batch {batch.id}` shows how they are"])
    return 0


@jobs.command(name="list", epilog=_ASKING)
def list_(
    context: typer.Context,
    states: at.States = None,
    batch_id: at.Batch = None,
    limit: at.Limit = 20,
    offset: at.Offset = 0,
    url: at.Url = None,
    is_json: options.Json = False,
) -> int:
    """Say which jobs you have there, the newest first, and how they are."""
    with _client(url) as client:
        page = client.list(status=states or (), batch_id=batch_id, offset=offset, limit=limit)
    fields = {"jobs": [job.as_dict() for job in page], "total": page.num_total, "offset": page.offset}
    output = Output(context.obj, is_json=is_json)
    output.result(fields, table(page.jobs) or ["no jobs"], is_data=True)
    if page.next_offset is not None:
        output.words([f"{page.num_total} in all; --offset {page.next_offset} has the next"])
    return 0


@jobs.command(epilog=_ASKING)
def show(context: typer.Context, job_id: at.Id, url: at.Url = None, is_json: options.Json = False) -> int:
    """Say how a job is, and what came of it."""
    with _client(url) as client:
        job = client.get(job_id)
    Output(context.obj, is_json=is_json).result({"job": job.as_dict()}, job_words(job), is_data=True)
    return 0


@jobs.command(
    epilog=f"""\b
Examples:
  blanklogo jobs wait job_0123456789ab
  blanklogo jobs wait job_0123456789ab -o clip.clean.mp4 --timeout 600

Ctrl-C stops the waiting, not the job. {_ASKING}
{_EXITS}"""
)
def wait(
    context: typer.Context,
    job_id: at.Id,
    target: at.FetchTo = None,
    overwrite: at.Overwrite = False,
    timeout_seconds: at.Timeout = None,
    url: at.Url = None,
    is_json: options.Json = False,
    is_quiet: options.Quiet = False,
) -> int:
    """Follow a job to its end; with -o, fetch its result."""
    output = Output(context.obj, is_json=is_json, is_quiet=is_quiet, asks_stop=False)
    fetch = None if target is None else at.Fetch(target, overwrite)
    with _client(url) as client, output:
        return _followed(client, output, job_id, fetch, timeout_seconds)


@jobs.command(epilog=_ASKING)
def download(
    context: typer.Context,
    job_id: at.Id,
    target: at.Target = None,
    overwrite: at.Overwrite = False,
    url: at.Url = None,
    is_json: options.Json = False,
    is_quiet: options.Quiet = False,
) -> int:
    """Fetch a completed job's result: whole and with the right SHA-256, or not at all."""
    output = Output(context.obj, is_json=is_json, is_quiet=is_quiet, asks_stop=False)
    with _client(url) as client, output:
        path = _fetched(client, output, job_id, at.Fetch(target, overwrite))
    output.result({"job_id": job_id, "output": str(path)}, [f"{path}: as the service has it, SHA-256 compared"])
    return 0


@jobs.command(epilog=_ASKING)
def cancel(context: typer.Context, job_id: at.Id, url: at.Url = None, is_json: options.Json = False) -> int:
    """Have a job stopped: one that waits at once, one that is worked on within a second or so."""
    return _asked(context, url, is_json=is_json, ask=lambda client: client.cancel(job_id))


@jobs.command(epilog=_ASKING)
def retry(context: typer.Context, job_id: at.Id, url: at.Url = None, is_json: options.Json = False) -> int:
    """Queue a job anew that failed or was cancelled, while its input is still there."""
    return _asked(context, url, is_json=is_json, ask=lambda client: client.retry(job_id))


def _client(url: str | None) -> Client:
    from blanklogo.client import Client

    return Client(url)


def _asked(context: typer.Context, url: str | None, *, is_json: bool, ask: Callable[[Client], Job]) -> int:
    with _client(url) as client:
        job = ask(client)
    words = [f"{job.id}: {'to be cancelled' if job.status == 'processing' else job.status}"]
    Output(context.obj, is_json=is_json).result({"job": job.as_dict()}, words)
    return 0


def _followed(
    client: Client, output: Output, job_id: str, fetch: at.Fetch | None, timeout_seconds: float | None
) -> int:
    """Waits and tells; what a job failed with is raised, for the exit code."""
    from blanklogo.types import Progress

    def hear(job: Job) -> None:
        output.event(Progress("job", job.progress_percent, 100))

    with _told(f"{job_id} goes on; `blanklogo jobs wait {job_id}` follows it again"):
        job = client.wait(job_id, on_progress=hear, timeout_seconds=timeout_seconds)
    if job.status == "cancelled":
        raise ConflictError(f"{job_id} was cancelled", hint=f"blanklogo jobs retry {job_id}")
    job.checked()
    path = None if fetch is None else _fetched(client, output, job_id, fetch)
    output.result({"job": job.as_dict(), "output": path and str(path)}, job_words(job, path))
    return 0


def _all_followed(client: Client, output: Output, made: list[Job], sources: list[str], fetch: at.Fetch | None) -> int:
    """One after the other; an error of a single job is raised, one of many is told and counted."""
    if len(made) == 1:
        return _followed(client, output, made[0].id, fetch, None)
    codes = []
    for job, source in zip(made, sources, strict=True):
        try:
            codes.append(_followed(client, output, job.id, fetch, None))
        except (CancelledError, UnavailableError):  # those after it would come to the same
            raise
        except BlankLogoError as error:
            output.failure(error, Path(source))
            codes.append(error.exit_code)
    return max(codes, key=BEST_FIRST.index)


def _fetched(client: Client, output: Output, job_id: str, fetch: at.Fetch) -> Path:
    with _told(f"what came is kept; `blanklogo jobs download {job_id}` to the same place goes on from there"):
        return client.download(job_id, fetch.target, overwrite=fetch.overwrite, on_progress=output.event)


@contextmanager
def _told(kept: str) -> Iterator[None]:
    """A stop, said with what stays."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise CancelledError("stopped", hint=kept) from error
