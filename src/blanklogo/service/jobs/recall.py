"""Results that are there already: the same video with the same options, by the same version, for the same owner.

A job whose result is recalled gets a copy of its own (in a local folder a hard link, in an object store a copy that the
store makes), with a life of its own; no engine is asked. Never another owner's: how soon a job is done would tell
whether somebody else had that very video.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from blanklogo import __version__
from blanklogo.errors import BlankLogoError, NotFoundError
from blanklogo.service.database import reading, writing
from blanklogo.service.jobs.job import StoredJob
from blanklogo.service.jobs.options import RESULT_OPTIONS, suffix_of
from blanklogo.service.jobs.states import COMPLETE, State
from blanklogo.service.jobs.store import JobStore
from blanklogo.service.jobs.table import jobs, results
from blanklogo.service.storage import Storage

Made = dict[str, Any]
"""What an engine's call comes to in a run: "key" of the result, and its "report"."""


class Recall:
    """Args: store, storage: where the jobs and their results are."""

    def __init__(self, store: JobStore, storage: Storage) -> None:
        self._store = store
        self._storage = storage

    def remember(self, job: StoredJob) -> None:
        """A completed job's result may be given again. Harmless a second time."""
        name = _name(job)
        if name is None:
            return
        row = {"job_id": job.id, "owner": job.owner, "name": name}
        with suppress(IntegrityError), writing(self._store.database) as connection:
            connection.execute(insert(results).values(row))

    def made(self, job: StoredJob) -> Made | None:
        """The job's result, as its engine would have made it; None: it is not known, or the owner wants it made anew.

        Raises:
            TransferError, WriteError: the storage cannot copy now.
        """
        found = self._found(job)
        if found is None or found.output_key is None or found.report is None:
            return None
        key = result_key(job)
        try:
            self._storage.copy(found.output_key, key)
        except NotFoundError:  # it has just expired
            return None
        return {"key": key, "report": {**found.report, "cost": None, "from_cache": found.id}}

    def complete(self, job: StoredJob, retention_seconds: float) -> StoredJob | None:
        """A queued job, completed at once; None: not so, it is to be worked on as any other.

        Who is killed in the middle leaves a job in work without a run, which `tending` looks after.
        """
        found = self._found(job)
        if found is None:
            return None
        try:
            begun = self._store.begin(job.run)
            made = self.made(begun) if begun is not None else None
        except BlankLogoError:  # the run will try again, and knows what to do about it
            return None
        if begun is None or made is None:
            return None
        sizes = {"num_bytes": found.output_bytes, "sha256": found.output_sha256}
        ended = completed_values({**made, **sizes}, self._store.clock() + retention_seconds)
        if not self._store.end(job.run, State.COMPLETED, **ended):
            return None  # it was cancelled meanwhile
        done = self._store.get(job.id)
        if done is not None:
            self.remember(done)
            self._forget_input(job)
        return done

    def _found(self, job: StoredJob) -> StoredJob | None:
        name = _name(job)
        if name is None or job.request.get("fresh"):
            return None
        same = (results.c.owner == job.owner, results.c.name == name, jobs.c.owner == job.owner)
        is_there = (
            jobs.c.state == State.COMPLETED,
            jobs.c.is_expired.is_(False),
            jobs.c.expires_seconds > self._store.clock(),
        )
        query = (
            select(jobs.c.id)
            .join(results, results.c.job_id == jobs.c.id)
            .where(*same, *is_there)
            .order_by(jobs.c.completed_seconds.desc())
            .limit(1)
        )
        with reading(self._store.database) as connection:
            job_id = connection.scalar(query)
        return self._store.get(job_id) if job_id is not None else None

    def _forget_input(self, job: StoredJob) -> None:
        if job.upload_id is not None:
            with suppress(BlankLogoError):  # then it goes with the job's other files, when its time is over
                self._storage.delete_prefix(f"{job.owner}/{job.upload_id}/")


def result_key(job: StoredJob) -> str:
    """A name of its own for each attempt: a worker that outlived its orchestrator writes to nobody's result."""
    return f"{job.owner}/{job.id}/{secrets.token_hex(4)}/output{suffix_of(job.input_name)}"


def completed_values(made: Mapping[str, Any], expires_seconds: float) -> dict[str, Any]:
    """What a job's row says once its result is there and was looked at."""
    return {
        "percent": COMPLETE.percent,
        "step": COMPLETE.words,
        "outcome": made["report"]["verify"]["status"],
        "report": made["report"],
        "output_key": made["key"],
        "output_bytes": made["num_bytes"],
        "output_sha256": made["sha256"],
        "input_key": None,
        "input_url": None,
        "expires_seconds": expires_seconds,
    }


def _name(job: StoredJob) -> str | None:
    """What results are known by; None: the video's digest is not known."""
    if job.input_sha256 is None:
        return None
    options = [job.request.get(name) for name in RESULT_OPTIONS]
    told = json.dumps([__version__, job.input_sha256, suffix_of(job.input_name), options])
    return hashlib.sha256(told.encode()).hexdigest()
