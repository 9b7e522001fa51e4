"""A job and an upload as the service keeps them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from blanklogo.service.jobs.states import State

DAYS = 24 * 3600  # seconds


@dataclass(frozen=True)
class StoredJob:
    """A row. Moments are UTC, in seconds since 1970.

    Attributes:
        owner: whose it is; survives a token's rotation.
        batch_id: of the batch that it came with.
        run_number: from 1; a retry makes it one more, so that what is left of an earlier run can change nothing.
        num_attempts: of this run.
        percent, step: how far it is; see `states`.
        is_cancel_asked: whether the owner wants it to stop.
        request: the removal's options, as the owner gave them.
        input_url: where the video is to be fetched; forgotten once the job has completed, since it may be signed.
        upload_id: the upload that is its input.
        input_key: where the video is in the storage; None: not fetched yet, or gone.
        input_name: its file name, without a path.
        output_key: where the result is; None: there is none, or it has expired.
        outcome: of a completed job, the report's status: "clean", "needs_review" or "no_mark".
        report: as in docs/report.md.
        error: why it failed, as `BlankLogoError.as_dict` says it.
        started_seconds: when this run's work began.
        completed_seconds: when it was over, whatever its end.
        expires_seconds: when its files are removed.
        version: one more with every change that an observer could see.
    """

    id: str
    owner: str
    request: Mapping[str, Any]
    input_name: str
    created_seconds: float
    updated_seconds: float
    expires_seconds: float
    input_url: str | None = field(default=None, repr=False)
    upload_id: str | None = None
    batch_id: str | None = None
    state: State = State.QUEUED
    run_number: int = 1
    num_attempts: int = 0
    percent: int = 0
    step: str = "Queued"
    is_cancel_asked: bool = False
    input_key: str | None = None
    input_bytes: int | None = None
    input_sha256: str | None = None
    output_key: str | None = None
    output_bytes: int | None = None
    output_sha256: str | None = None
    outcome: str | None = None
    report: Mapping[str, Any] | None = field(default=None, repr=False)
    error: Mapping[str, Any] | None = None
    started_seconds: float | None = None
    completed_seconds: float | None = None
    is_expired: bool = False
    version: int = 1

    @property
    def run(self) -> Run:
        """The run that it is in."""
        return Run(self.id, self.run_number)

    @property
    def output_name(self) -> str:
        """ "clip.clean.mp4" of "clip.mp4"."""
        suffix = PurePosixPath(self.output_key or "").suffix
        return f"{PurePosixPath(self.input_name).stem}.clean{suffix}"


@dataclass(frozen=True)
class Run:
    """One go at a job, from queued to its end; a retry is another."""

    job_id: str
    number: int

    def __str__(self) -> str:
        return f"{self.job_id}.{self.number}"


@dataclass(frozen=True)
class Upload:
    """A place for a file that an owner brings.

    Attributes:
        key: where in the storage.
        name: the file's name, without a path.
        job_id: the one job that it is the input of; None: of none yet.
        expires_seconds: when it is removed, if no job has taken it.
    """

    id: str
    owner: str
    key: str
    name: str
    created_seconds: float
    expires_seconds: float
    job_id: str | None = None


def new_id(kind: str) -> str:
    """ "job_", "batch_" or "upload_" and 12 hexadecimal digits, of 48 random bits."""
    return f"{kind}_{secrets.token_hex(6)}"
