"""From videos to a job, or to a batch of them: files are uploaded first, then all is asked for in one request."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from blanklogo.client.access import Access
from blanklogo.client.answers import read
from blanklogo.client.asking import asked
from blanklogo.client.effects import Flow, Request, done
from blanklogo.client.files import Notes, Video
from blanklogo.client.options import key_of, new_key
from blanklogo.client.results import Batch, Job
from blanklogo.client.uploading import Hear, Uploaded, uploaded
from blanklogo.errors import ConflictError, NotFoundError, OptionError
from blanklogo.types.job import Progress

JOBS = "/api/v1/jobs"
MAX_BATCH = 20
_URL = re.compile(r"https?://", re.IGNORECASE)

Source = str | Path
T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """What a caller asks for, whatever the videos.

    Attributes:
        body: of the request, without its videos.
        key: the caller's own name for it.
        notes: the folder in which uploads under way are noted.
    """

    body: Mapping[str, Any]
    key: str | None = None
    notes: Path | None = None
    hear: Hear | None = None


@dataclass(frozen=True)
class _Place:
    """Where the service has or finds a video.

    Attributes:
        fields: of the request.
        notes: of the upload; None: it is at a URL.
    """

    fields: dict[str, str]
    name: str = ""
    notes: Notes | None = None
    was_whole: bool = False


def submitted(access: Access, source: Source, call: Call) -> Flow[Job]:
    """One job."""

    def request(places: Sequence[_Place]) -> Request:
        (place,) = places
        upload_id = place.fields.get("upload_id")
        key = new_key() if upload_id is None else key_of(upload_id, call.body)
        return post(access, JOBS, {**call.body, **place.fields}, call.key or key)

    return _made(access, [source], call, request, lambda told, _: Job.of_created(told))


def submitted_together(access: Access, sources: Sequence[Source], call: Call) -> Flow[Batch]:
    """Several, all or none. Raises OptionError: there are none, or too many."""
    if isinstance(sources, str | Path):
        raise OptionError(f"one video, {sources}", accepted="a list of them", hint="submit, for a single one")
    if not 1 <= len(sources) <= MAX_BATCH:
        raise OptionError(f"a batch of {len(sources)} videos", accepted=f"1 to {MAX_BATCH}")

    def request(places: Sequence[_Place]) -> Request:
        body = {**call.body, "videos": [place.fields for place in places]}
        first = next((place.fields["upload_id"] for place in places if place.notes), None)
        return post(access, f"{JOBS}/batch", body, call.key or (new_key() if first is None else key_of(first, body)))

    return _made(access, sources, call, request, lambda told, names: Batch.of_created(told, names))


def post(access: Access, path: str, body: Any, key: str) -> Request:
    """A creating request under a name."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    return access.request("POST", path, headers=headers, content=json.dumps(body).encode())


def _made(
    access: Access,
    sources: Sequence[Source],
    call: Call,
    request: Callable[[Sequence[_Place]], Request],
    make: Callable[[Any, Sequence[str]], T],
) -> Flow[T]:
    """What the request for these videos makes. Without a name of the caller's, uploads that were whole before, and of
    which nothing can be made, came to an end otherwise, by other options say; they are sent anew, once."""
    known = yield from _looked_at(access, sources, call)
    places = yield from _brought(access, known, call.hear)
    try:
        answer = yield from asked(request(places))
    except (ConflictError, NotFoundError, OptionError):
        spent = [place.notes for place in places if place.notes is not None and place.was_whole]
        if not spent or call.key is not None:
            raise
        for notes in spent:
            yield from done(notes.forget)
        places = yield from _brought(access, known, call.hear)
        answer = yield from asked(request(places))
    made = read(answer, lambda told: make(told, [place.name for place in places]))
    for place in places:
        if place.notes is not None and call.key is None:
            yield from done(place.notes.forget)
    return made


def _looked_at(access: Access, sources: Sequence[Source], call: Call) -> Flow[list[Notes | str]]:
    """Every file is read before the first is sent. Raises SourceError."""
    known: list[Notes | str] = []
    times: Counter[str] = Counter()
    for source in sources:
        if isinstance(source, str) and _URL.match(source):
            known.append(source)
            continue
        video = yield from done(partial(Video.at, Path(source)))
        again = times[video.sha256]  # each time an upload of its own, since a job uses one up
        times[video.sha256] += 1
        known.append(Notes(call.notes, access.url, video, f"{call.key or ''} {again}" if again else call.key))
    return known


def _brought(access: Access, known: Sequence[Notes | str], hear: Hear | None) -> Flow[list[_Place]]:
    places: list[_Place] = []
    total = sum(one.video.num_bytes for one in known if isinstance(one, Notes))
    before = 0
    for one in known:
        if isinstance(one, str):
            places.append(_Place({"video_url": one}))
            continue
        upload: Uploaded = yield from uploaded(access, one, _of_all(hear, before, total))
        places.append(_Place({"upload_id": upload.upload_id}, one.video.path.name, one, upload.was_whole))
        before += one.video.num_bytes
    return places


def _of_all(hear: Hear | None, before: int, total: int) -> Hear | None:
    """Who hears how far all the uploads are, by being told how far one is."""
    if hear is None:
        return None
    return lambda progress: hear(Progress(progress.stage, before + progress.done, total))
