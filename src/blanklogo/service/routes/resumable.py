"""Uploads by tus; an upload's id makes a job, as that of one brought to a signed URL does."""

from __future__ import annotations

from blanklogo.errors import ConflictError
from blanklogo.service.jobs.intake import Caller, Intake
from blanklogo.service.jobs.job import Upload
from blanklogo.service.jobs.options import suffix_of
from blanklogo.service.names import plain_name
from blanklogo.service.parts import Parts
from blanklogo.service.repeats import Repeatable
from blanklogo.service.routes.asking import Submitter
from blanklogo.service.storage.arriving import Gate
from blanklogo.service.storage.places import Place
from blanklogo.service.storage.tus import Tus, tus_router
from blanklogo.service.storage.uploads import Uploads

PATH = "/api/v1/uploads/tus"


def owner_of(token: Submitter) -> str:
    """Whose uploads they are."""
    return token.owner


router = tus_router(PATH, owner_of)


class JobUploads:
    """Places for the inputs of jobs, with a row for each, by which one that no job takes is removed in time."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def open(self, owner: str, name: str, request: Repeatable | None) -> Place:
        plain = plain_name(name)
        return _place(self._intake.open_upload(Caller(owner, "", ""), plain, suffix_of(plain), request))

    def opened_before(self, request: Repeatable | None) -> Place | None:
        upload = self._intake.opened_before(request)
        return None if upload is None else _place(upload)

    def close(self, owner: str, upload_id: str) -> None:
        upload = self._intake.upload(owner, upload_id)
        if upload is not None and upload.job_id is not None:
            raise ConflictError(f"{upload_id} is the input of {upload.job_id}", hint="cancel the job instead")


def _place(upload: Upload) -> Place:
    return Place(upload.id, upload.key, upload.expires_seconds)


def tus_of(parts: Parts, gate: Gate) -> Tus:
    """What the routes work with."""
    return Tus(Uploads(parts.storage, parts.limits.max_input_bytes), JobUploads(parts.intake), gate)
