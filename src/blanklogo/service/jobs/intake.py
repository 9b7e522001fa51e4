"""How jobs and uploads come to be: in one transaction with the line that says who confirmed the rights, the uploads
that they take, and the key under which the request may be sent again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection, insert, select, update

from blanklogo.errors import ConflictError, OptionError
from blanklogo.service.database import reading, writing
from blanklogo.service.jobs.job import DAYS, StoredJob, Upload, new_id
from blanklogo.service.jobs.store import JobStore, insert_job
from blanklogo.service.jobs.table import audit, uploads
from blanklogo.service.repeats import Outcome, Repeatable, Repeats
from blanklogo.service.webhooks.outbox import Webhook, subscribe


@dataclass(frozen=True)
class Caller:
    """Who asks, by which token, in which request."""

    owner: str
    token_id: str
    request_id: str


@dataclass(frozen=True)
class Wish:
    """A removal that is asked for: a video by its URL or as an upload, and the options.

    Attributes:
        name: of the file at a URL; an upload has its own.
        num_bytes, sha256: of an upload that has come already.
        webhook: who is told how the job goes.
    """

    request: Mapping[str, Any]
    video_url: str | None = field(default=None, repr=False)
    upload_id: str | None = None
    name: str | None = None
    num_bytes: int | None = None
    sha256: str | None = None
    webhook: Webhook | None = None


@dataclass(frozen=True)
class Created:
    """What came of a request for jobs.

    Attributes:
        is_repeated: whether it was there before.
    """

    jobs: tuple[StoredJob, ...]
    batch_id: str | None = None
    is_repeated: bool = False


class Intake:
    """Args:
    retention_seconds: how long a job's files are kept.
    upload_seconds: how long an upload waits for its job.
    """

    def __init__(self, store: JobStore, retention_seconds: float = 7 * DAYS, upload_seconds: float = DAYS) -> None:
        self._store = store
        self._repeats = Repeats(store.database, store.clock)
        self._retention_seconds = retention_seconds
        self._upload_seconds = upload_seconds

    def create(
        self, caller: Caller, wishes: Sequence[Wish], request: Repeatable | None = None, *, is_batch: bool = False
    ) -> Created:
        """Queues jobs, all or none.

        Raises:
            ConflictError: an upload is another job's already, or the idempotency key was used for another request.
            OptionError: there is no such upload.
        """

        def make(connection: Connection) -> dict[str, Any]:
            batch_id = new_id("batch") if is_batch else None
            return {"jobs": [self._made(connection, caller, wish, batch_id) for wish in wishes], "batch_id": batch_id}

        return self._created(caller.owner, self._repeats.once(request, make))

    def created_before(self, request: Repeatable | None) -> Created | None:
        """What came of the same request before; None: it is new. Raises ConflictError: the key was another's."""
        before = self._repeats.before(request)
        return None if request is None or before is None else self._created(request.owner, before)

    def open_upload(self, caller: Caller, name: str, suffix: str, request: Repeatable | None = None) -> Upload:
        """A place for a file that is about to come. Raises ConflictError: as `opened_before`."""

        def make(connection: Connection) -> dict[str, Any]:
            now = self._store.clock()
            upload_id = new_id("upload")
            key = f"{caller.owner}/{upload_id}/input{suffix}"
            upload = Upload(upload_id, caller.owner, key, name, now, now + self._upload_seconds)
            connection.execute(insert(uploads).values(asdict(upload)))
            return {"upload_id": upload_id}

        return self._opened(caller.owner, self._repeats.once(request, make))

    def opened_before(self, request: Repeatable | None) -> Upload | None:
        """The place that the same request was given before; None: it is new.

        Raises:
            ConflictError: a job has the upload already, or its time is over; the key was another request's.
        """
        before = self._repeats.before(request)
        return None if request is None or before is None else self._opened(request.owner, before)

    def upload(self, owner: str, upload_id: str) -> Upload | None:
        """The owner's upload; None for another's, as for one that does not exist."""
        with reading(self._store.database) as connection:
            return _upload(connection, owner, upload_id)

    def note_action(self, caller: Caller, action: str, subject: str, details: Mapping[str, Any]) -> None:
        """An audit line by itself."""
        with writing(self._store.database) as connection:
            self.note(connection, caller, action, subject, details)

    def note(
        self, connection: Connection, caller: Caller, action: str, subject: str, details: Mapping[str, Any]
    ) -> None:
        """An audit line, in the transaction of what it tells."""
        connection.execute(
            insert(audit).values(
                at_seconds=self._store.clock(),
                owner=caller.owner,
                token_id=caller.token_id,
                action=action,
                subject=subject,
                request_id=caller.request_id,
                details=json.dumps(details),
            )
        )

    def _created(self, owner: str, outcome: Outcome) -> Created:
        jobs = self._store.all_owned(owner, outcome.made["jobs"])
        return Created(jobs, outcome.made["batch_id"], outcome.is_repeated)

    def _opened(self, owner: str, outcome: Outcome) -> Upload:
        upload = self.upload(owner, outcome.made["upload_id"])
        if upload is None or upload.job_id is not None or upload.expires_seconds <= self._store.clock():
            raise no_longer_open()
        return upload

    def _made(self, connection: Connection, caller: Caller, wish: Wish, batch_id: str | None) -> str:
        """The new job's id."""
        now = self._store.clock()
        job_id = new_id("job")
        upload = self._taken(connection, caller.owner, wish.upload_id, job_id) if wish.upload_id else None
        job = StoredJob(
            job_id,
            caller.owner,
            wish.request,
            upload.name if upload else wish.name or "video.mp4",
            now,
            now,
            now + self._retention_seconds,
            input_url=wish.video_url,
            upload_id=wish.upload_id,
            batch_id=batch_id,
            input_key=upload.key if upload else None,
            input_bytes=wish.num_bytes,
            input_sha256=wish.sha256,
        )
        insert_job(connection, job)
        if wish.webhook is not None:
            subscribe(connection, job_id, caller.owner, wish.webhook)
        details = {"rights_confirmed": True, "source": "upload" if upload else "url", "name": job.input_name}
        self.note(connection, caller, "job.create", job_id, details)
        return job_id

    def _taken(self, connection: Connection, owner: str, upload_id: str, job_id: str) -> Upload:
        """The upload, from now on this job's."""
        free = (uploads.c.id == upload_id, uploads.c.owner == owner, uploads.c.job_id.is_(None))
        done = connection.execute(update(uploads).where(*free).values(job_id=job_id))
        upload = _upload(connection, owner, upload_id)
        if upload is None:
            raise OptionError(f"upload_id {upload_id!r}", accepted="the id of an upload of this owner")
        if done.rowcount != 1:
            raise ConflictError(f"{upload_id} is the input of {upload.job_id} already", hint="another upload")
        return upload


def no_longer_open() -> ConflictError:
    """For who asks again for an upload to which nothing can be brought any more."""
    return ConflictError("an Idempotency-Key whose upload is no longer open", hint="a new key for a new upload")


def _upload(connection: Connection, owner: str, upload_id: str) -> Upload | None:
    mine = (uploads.c.id == upload_id, uploads.c.owner == owner)
    row = connection.execute(select(uploads).where(*mine)).first()
    return None if row is None else Upload(**row._mapping)
