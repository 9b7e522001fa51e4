"""Every call of the service's API as a flow, once for both kinds of client."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Unpack
from urllib.parse import quote

from blanklogo.client import processing
from blanklogo.client.access import Access
from blanklogo.client.answers import read
from blanklogo.client.asking import asked
from blanklogo.client.downloading import downloaded
from blanklogo.client.effects import Flow
from blanklogo.client.options import Options, body_of, new_key
from blanklogo.client.results import Batch, EstimateLine, Health, Job, JobPage, PlatformInfo, Processed, Readiness
from blanklogo.client.submitting import JOBS, Call, post, submitted, submitted_together
from blanklogo.client.waiting import followed, job_of
from blanklogo.errors import NotFoundError, OptionError
from blanklogo.types.job import Progress

PROCESS_SECONDS = 1800.0  # the longest that anybody waits for an answer
_READY_SECONDS = 90.0  # a worker may have to load first
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Core:
    """Args:
    access: where the service is, and who asks.
    """

    def __init__(self, access: Access) -> None:
        self.access = access

    def submit(
        self,
        source: str | Path,
        *,
        rights_confirmed: bool,
        idempotency_key: str | None = None,
        notes: Path | None = None,
        on_progress: Callable[[Progress], Any] | None = None,
        **options: Unpack[Options],
    ) -> Flow[Job]:
        """Queues a removal, of a file that is uploaded first or of a video at an http(s) URL that the service fetches.

        Args:
            source: a path, or a URL.
            rights_confirmed: True says that you own the video or hold the rights to change it; written down there.
            idempotency_key: a name for this job. Asked for again under it, the same video makes the same job for two
                days; a file, where `notes` has its upload, and else it is refused (ConflictError). Without a name,
                this call alone is named, so that a broken line makes nothing double.
            notes: a folder in which an upload under way is noted, so that the same call in another process goes on
                with it; nothing secret is written.
            on_progress: hears how far the upload is, in bytes.
            options: see `Options`.

        Returns:
            The job as it was queued.

        Raises:
            SourceError: there is no such file.
            OptionError: an option does not fit, or the rights were not confirmed.
            TooLargeError: larger than the service takes.
            UnavailableError: the service cannot be reached.
        """
        call = _call(options, rights_confirmed, idempotency_key, notes, on_progress)
        return (yield from submitted(self.access, source, call))

    def submit_batch(
        self,
        sources: Sequence[str | Path],
        *,
        rights_confirmed: bool,
        idempotency_key: str | None = None,
        notes: Path | None = None,
        on_progress: Callable[[Progress], Any] | None = None,
        **options: Unpack[Options],
    ) -> Flow[Batch]:
        """Queues removals of up to 20 videos with the same options: all of them, or none.

        Args:
            sources: paths and URLs, mixed as you like. Files are uploaded one after the other.
            idempotency_key: a name for the batch, as for the job of `submit`.
            on_progress: hears how far all uploads together are, in bytes.

        The other arguments, and what is raised, are those of `submit`.

        Returns:
            The batch's id and its jobs, in the order of the sources.
        """
        call = _call(options, rights_confirmed, idempotency_key, notes, on_progress)
        return (yield from submitted_together(self.access, sources, call))

    def get(self, job_id: str) -> Flow[Job]:
        """A job as it is now, with its report if it is done. Raises NotFoundError."""
        return (yield from job_of(self.access, _checked_id(job_id)))

    def list(
        self, *, status: str | Sequence[str] = (), batch_id: str | None = None, offset: int = 0, limit: int = 20
    ) -> Flow[JobPage]:
        """A page of the caller's jobs, the newest first, without their reports.

        Args:
            status: only these.
            limit: up to 100.

        Raises:
            OptionError: a filter does not fit.
        """
        wanted = [status] if isinstance(status, str) else list(status)
        query = {"status": wanted, "batch_id": batch_id, "offset": offset, "limit": limit}
        answer = yield from asked(self.access.request("GET", JOBS, query=query))
        return read(answer, JobPage.of_list)

    def wait(
        self,
        job_id: str,
        *,
        on_progress: Callable[[Job], Any] | None = None,
        timeout_seconds: float | None = None,
    ) -> Flow[Job]:
        """The job when it is over, however it ended; `Job.checked` raises what it failed with.

        Args:
            on_progress: hears each change.
            timeout_seconds: None: as long as it takes.

        Raises:
            PendingError: the time is over and the job is not; also a TimeoutError.
            NotFoundError: no such job.
            UnavailableError: the service was away for more than two minutes.
        """
        return (yield from followed(self.access, _checked_id(job_id), on_progress, timeout_seconds))

    def download(
        self,
        job_id: str,
        target: str | Path | None = None,
        *,
        overwrite: bool = False,
        on_progress: Callable[[Progress], Any] | None = None,
    ) -> Flow[Path]:
        """A completed job's result as a file: whole and with the right SHA-256, or nothing under its name.

        Args:
            target: a file, or a folder; by default under the service's name for it in the working folder.
            on_progress: hears how far it is, in bytes.

        Returns:
            Where it is.

        Raises:
            ConflictError: the job has no result (yet).
            NotFoundError: no such job, or its result has expired.
            TargetError: something is at the target.
            VerificationError: other bytes came than the service announced; they are not kept.
            TransferError, UnavailableError: the line broke too often; what came is kept in a hidden `.part` file and
                gone on with next time.
        """
        place = None if target is None else Path(target)
        return (yield from downloaded(self.access, _checked_id(job_id), place, overwrite, on_progress))

    def cancel(self, job_id: str) -> Flow[Job]:
        """Has a job stopped. Raises ConflictError: it is over; NotFoundError: no such job."""
        answer = yield from asked(self.access.request("DELETE", f"{JOBS}/{_checked_id(job_id)}"))
        return read(answer, Job.of_view)

    def retry(self, job_id: str) -> Flow[Job]:
        """Queues a failed or cancelled job anew.

        Raises:
            ConflictError: it neither failed nor was cancelled, or its input is gone.
            NotFoundError: no such job.
        """
        path = f"{JOBS}/{_checked_id(job_id)}/retry"
        request = self.access.request("POST", path, headers={"Idempotency-Key": new_key()})
        return read((yield from asked(request)), Job.of_view)

    def estimate(self, width_px: int, height_px: int, num_frames: int) -> Flow[tuple[EstimateLine, ...]]:
        """What a removal of such a clip will take, on each kind of worker; the service's own comes first."""
        body = {"width": width_px, "height": height_px, "num_frames": num_frames}
        answer = yield from asked(post(self.access, "/api/v1/estimate", body, new_key()))
        return read(answer, lambda told: tuple(map(EstimateLine.of_view, told["lines"])))

    def platforms(self) -> Flow[tuple[PlatformInfo, ...]]:
        """What `platform` may name."""
        answer = yield from asked(self.access.request("GET", "/api/v1/platforms"))
        return read(answer, lambda told: tuple(map(PlatformInfo.of_view, told)))

    def health(self) -> Flow[Health]:
        """That the service answers. For anyone. Raises UnavailableError: it does not."""
        return (yield from _health(self.access))

    def readiness(self) -> Flow[Readiness]:
        """Whether the service's database, storage and engine do their work; a worker may have to load. For anyone."""
        request = self.access.request("GET", "/readyz", is_open=True, read_seconds=_READY_SECONDS)
        answer = yield from asked(request, expects=(503,), is_once=True)
        return read(answer, Readiness.of_view)

    def process_video(
        self,
        video: bytes,
        mode: str = "auto",
        platform: str | None = None,
        *,
        rights_confirmed: bool,
        name: str = "video.mp4",
        idempotency_key: str | None = None,
        wait_seconds: float = PROCESS_SECONDS,
    ) -> Flow[Processed]:
        """A short video's bytes to the clean one's bytes, in one request: `clean_bytes, stats = process_video(…)`.

        Args:
            video: up to 37 MB, which is 50 MB as base64; `submit` takes larger ones.
            name: its suffix tells the container.
            wait_seconds: for the answer; a line that breaks meanwhile is tried again, and comes back to the same job.

        Raises:
            PendingError: the time is over and the job is not; it goes on.
            TooLargeError: larger than that.
            BlankLogoError: what the job failed with.
        """
        options = Options(mode=mode, platform=platform)
        fields = {**body_of(options, rights_confirmed=rights_confirmed), "name": name}
        key = new_key() if idempotency_key is None else _checked_key(idempotency_key)
        return (yield from processing.asked_of_service(self.access, video, fields, key, wait_seconds))


class EndpointCore:
    """A plain endpoint of a provider, which answers `process_video_http` and `health` and knows no jobs.

    Args:
        access: where it is, and who asks.
    """

    def __init__(self, access: Access) -> None:
        self.access = access

    def process_video(
        self,
        video: bytes,
        mode: str = "auto",
        platform: str | None = None,
        *,
        name: str = "video.mp4",
        wait_seconds: float = PROCESS_SECONDS,
    ) -> Flow[Processed]:
        """A short video's bytes to the clean one's bytes, in one request: `clean_bytes, stats = process_video(…)`.

        Args:
            video: up to 37 MB, which is 50 MB as base64.
            name: its suffix tells the container.
            wait_seconds: for anything to come of the answer.

        Raises:
            TooLargeError: larger than that.
            UnavailableError: the line broke; since the work may have been done, it is not asked for again.
            BlankLogoError: as the work ended.
        """
        options = body_of(Options(mode=mode, platform=platform), rights_confirmed=True)
        fields = {"mode": options["processing_mode"], "platform": options.get("platform"), "name": name}
        return (yield from processing.asked_of_endpoint(self.access, video, fields, wait_seconds))

    def health(self) -> Flow[Health]:
        """That the endpoint answers. For anyone."""
        return (yield from _health(self.access))


def _health(access: Access) -> Flow[Health]:
    """Asked once: whoever wants to know whether it answers wants to know it now."""
    answer = yield from asked(access.request("GET", "/health", is_open=True), is_once=True)
    return read(answer, Health.of_view)


def _call(
    options: Options,
    rights_confirmed: bool,
    idempotency_key: str | None,
    notes: Path | None,
    hear: Callable[[Progress], Any] | None,
) -> Call:
    body = body_of(options, rights_confirmed=rights_confirmed)
    return Call(body, None if idempotency_key is None else _checked_key(idempotency_key), notes, hear)


def _checked_id(job_id: str) -> str:
    """A job's id as part of a path."""
    if not isinstance(job_id, str) or not re.fullmatch(r"[\w-]{1,80}", job_id):
        raise NotFoundError(f"no job {str(job_id)[:80]!r}", accepted="an id such as job_0123456789ab")
    return quote(job_id)


def _checked_key(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise OptionError(f"idempotency key {key[:80]!r}", accepted="up to 255 printable ASCII characters, no spaces")
    return key
