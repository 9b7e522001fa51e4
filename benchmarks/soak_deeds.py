"""What users of a service do: all the ways in, all the ways to wait and to fetch, and all that goes wrong between."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx2

from benchmarks.hostile import is_clear
from benchmarks.hostile_files import BOX
from benchmarks.soak_users import JOBS, UPLOADS, FaultError, User
from blanklogo.client.webhooks import read_event

_TUS = {"Tus-Resumable": "1.0.0"}
_BATCH = 4
_HEARD_SECONDS = 60.0  # within which a webhook comes, two failed attempts included


def in_one_request(user: User) -> None:
    path, box = user.clip()
    user.checked(user.heard(user.upload(path, boxes=str([box]), fresh="true")))


def to_be_found(user: User) -> None:
    """Nobody says where the mark is."""
    path, _ = user.clip()
    user.checked(user.heard(user.upload(path, fresh="true", platform="sora")))


def by_signed_put(user: User) -> None:
    path, box = user.clip()
    wish = {"upload_id": user.brought(path), "rights_confirmed": True, "boxes": [box], "fresh": True}
    user.checked(user.over(user.ask("POST", JOBS, json=wish)["job_id"]))


def by_tus(user: User) -> None:
    """In three pieces, of which the second breaks off in its middle."""
    path, box = user.clip()
    data = path.read_bytes()
    name = base64.b64encode(path.name.encode()).decode()
    headers = {**_TUS, "Upload-Length": str(len(data)), "Upload-Metadata": f"filename {name}"}
    place = user.http.post(f"{UPLOADS}/tus", headers=headers).headers["location"]
    third = len(data) // 3
    _patched(user, place, 0, data[:third])
    with suppress(_Gone):
        _patched(user, place, third, _broken_off(data[third : 2 * third]))
    offset = _offset(user, place)
    while offset < len(data):
        if _patched(user, place, offset, data[offset:]) == 409:  # what broke off is only now written down
            time.sleep(0.05)
        offset = _offset(user, place)
    wish = {"upload_id": place.rpartition("/")[2], "rights_confirmed": True, "boxes": [box], "fresh": True}
    user.checked(user.over(user.ask("POST", JOBS, json=wish)["job_id"]))


def by_client(user: User) -> None:
    path, box = user.clip()
    job = user.client.submit(path, rights_confirmed=True, boxes=[[int(edge) for edge in box]], quality=_any(user))
    user.client.wait(job.id).checked()
    user.fetched(job.id)


def by_url(user: User) -> None:
    path, box = user.clip()
    boxes = [[int(edge) for edge in box]]
    url = f"{user.world.elsewhere}/{path.name}"
    job = user.client.submit(url, rights_confirmed=True, boxes=boxes, quality=_any(user))
    user.client.wait(job.id).checked()
    user.fetched(job.id)


def batch(user: User) -> None:
    """Uploads and URLs in one."""
    clips = [user.clip()[0] for _ in range(_BATCH)]
    videos: list[dict[str, str]] = [{"upload_id": user.brought(path)} for path in clips[1:]]
    videos.append({"video_url": f"{user.world.elsewhere}/{clips[0].name}"})
    wish = {"videos": videos, "rights_confirmed": True, "boxes": [user.clip()[1]], "fresh": True}
    made = user.ask("POST", f"{JOBS}/batch", json=wish)
    for job in made["jobs"]:
        user.checked(user.over(job["job_id"]))
    page = user.ask("GET", JOBS, params={"batch_id": made["batch_id"], "status": "completed"})
    if page["total"] != _BATCH:
        raise FaultError(f"a batch of {_BATCH} has {page['total']} completed jobs")


def all_in_one(user: User) -> None:
    """The whole in one request and one answer."""
    path, box = user.clip()
    video = base64.b64encode(path.read_bytes()).decode()
    body = {"video": video, "rights_confirmed": True, "boxes": [box], "quality": _any(user)}
    answer = user.ask("POST", "/process_video_http", json=body, timeout=600)
    if not base64.b64decode(answer["video"]).startswith(b"\0\0\0"):
        raise FaultError("what came back is no MP4")
    user.checked(user.over(answer["job_id"]))


def recalled(user: User) -> None:
    """The same again is there at once, or is being made."""
    path, box = user.clip()
    first = user.over(user.upload(path, boxes=str([box])))
    user.checked(first)
    again = user.over(user.upload(path, boxes=str([box])))
    user.checked(again)
    if again.get("from_cache") is None:
        raise FaultError(f"{again['job_id']} was made anew, though there was {first['job_id']}")


def cancelled(user: User) -> None:
    """In the queue or at work; half of them are tried again, and cancelled again."""
    path = user.world.clips.folder / user.world.long_clip
    job_id = user.upload(path, fresh="true", boxes=str([list(BOX)]))
    if _cancel(user, job_id)["status"] == "cancelled" and user.chance.random() < 0.5:
        user.ask("POST", f"{JOBS}/{job_id}/retry")
        _cancel(user, job_id)


def repeated(user: User) -> None:
    """One request sent twice is one job; another under its key is refused."""
    path, box = user.clip()
    wish = {"video_url": f"{user.world.elsewhere}/{path.name}", "rights_confirmed": True, "boxes": [box], "fresh": True}
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first, second = (user.ask("POST", JOBS, json=wish, headers=key)["job_id"] for _ in range(2))
    if first != second:
        raise FaultError(f"{first} and {second} under one key")
    _refused(user, 409, "POST", JOBS, json={**wish, "quality": 30}, headers=key)
    user.checked(user.over(first))


def told_by_webhook(user: User) -> None:
    """By a receiver that now and then is not well."""
    secret = user.ask("POST", "/api/v1/webhooks/secret", json={"overlap_seconds": 0})["secret"]
    path, box = user.clip()
    if user.chance.random() < 0.3:
        user.world.receiver.statuses.append(503)
    job_id = user.upload(path, boxes=str([box]), fresh="true", webhook_url=user.world.hook)
    user.checked(user.over(job_id))
    end = time.monotonic() + _HEARD_SECONDS
    while not (ends := [one for one in user.world.receiver.of(job_id) if one.event["event"] == "job.completed"]):
        if time.monotonic() > end:
            raise FaultError(f"{job_id}: nobody was told within {_HEARD_SECONDS:g} s")
        time.sleep(0.2)
    read_event(ends[0].body, ends[0].headers, secret)
    user.ask("GET", f"{JOBS}/{job_id}/deliveries")


def hostile(user: User) -> None:
    """A file that is to break something."""
    one = user.world.next_hostile()
    form = {"rights_confirmed": "true", "boxes": str([list(BOX)]), "fresh": "true"}
    job_id = user.ask("POST", f"{JOBS}/upload", data=form, files={"video": (one.name, one.data)})["job_id"]
    job = user.over(job_id)
    if not is_clear(job):
        raise FaultError(f"{one}: {job}")


def gone_away(user: User) -> None:
    """Connections that are dropped: a body in its middle, events, a download."""
    path, box = user.clip()
    with suppress(_Gone):
        user.http.post(f"{JOBS}/upload", content=_broken_off(_FILE + path.read_bytes()), headers=_FORM)
    opened = user.ask("POST", UPLOADS, json={"filename": path.name})
    with suppress(_Gone):
        user.http.put(opened["url"], content=_broken_off(path.read_bytes()))
    job_id = user.upload(path, boxes=str([box]), fresh="true")
    with user.http.stream("GET", f"{JOBS}/{job_id}/events") as answer:
        next(answer.iter_bytes())
    user.checked(user.over(job_id))
    url = user.ask("GET", f"{JOBS}/{job_id}/download")["download_url"]
    with user.http.stream("GET", url) as answer:
        next(answer.iter_bytes(10))


def looking_around(user: User) -> None:
    """What costs no work, and what is refused."""
    for path in (JOBS, "/api/v1/platforms", "/readyz", "/health", "/openapi.json"):
        user.ask("GET", path)
    user.ask("POST", "/api/v1/estimate", json={"width": 1920, "height": 1080, "num_frames": 300})
    _refused(user, 404, "GET", f"{JOBS}/job_0123456789ab")
    _refused(user, 403, "GET", "/metrics")
    _refused(user, 401, "GET", JOBS, headers={"Authorization": "Bearer tok_0123456789ab:no"})
    _refused(user, 422, "POST", JOBS, json={"video_url": "https://example.com/clip.mp4"})
    _refused(user, 422, "POST", JOBS, json={"video_url": "file:///etc/passwd", "rights_confirmed": True})


DEEDS = {
    "uploaded in one request": (3, in_one_request),
    "mark to be found": (2, to_be_found),
    "by signed PUT": (2, by_signed_put),
    "by tus, broken off between": (2, by_tus),
    "by the client": (2, by_client),
    "by URL": (2, by_url),
    "batch of four": (1, batch),
    "`/process_video_http`": (2, all_in_one),
    "recalled": (1, recalled),
    "cancelled, half retried": (2, cancelled),
    "repeated under one key": (1, repeated),
    "with a webhook": (2, told_by_webhook),
    "hostile file": (3, hostile),
    "connections dropped": (1, gone_away),
    "looked around, refused": (1, looking_around),
}
"""Each with how often it is done among the others."""

_FORM = {"Content-Type": "multipart/form-data; boundary=x"}
_FILE = b'--x\r\nContent-Disposition: form-data; name="video"; filename="a.mp4"\r\n\r\n'


class _Gone(Exception):
    """Whoever sends is gone."""


def _broken_off(data: bytes) -> Iterator[bytes]:
    yield data[: len(data) // 2]
    raise _Gone


def _patched(user: User, place: str, offset: int, data: bytes | Iterator[bytes]) -> int:
    """The answer's status. Raises FaultError for one that is neither a success nor a conflict."""
    headers = {**_TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    answer = user.http.patch(place, content=data, headers=headers)
    if answer.status_code not in (204, 409):
        raise FaultError(f"PATCH: {answer.status_code} {answer.text}")
    return answer.status_code


def _offset(user: User, place: str) -> int:
    return int(user.http.head(place, headers=_TUS).headers["upload-offset"])


def _cancel(user: User, job_id: str) -> dict[str, Any]:
    """The job as it ended."""
    time.sleep(user.chance.uniform(0, 4))
    answer = user.http.delete(f"{JOBS}/{job_id}")
    if answer.status_code not in (200, 409):  # 409: it was done before
        raise FaultError(f"DELETE: {answer.status_code} {answer.text}")
    job = user.over(job_id)
    if answer.status_code == 200 and job["status"] == "failed":
        raise FaultError(f"cancelled, and yet {job}")
    return job


def _refused(user: User, status: int, method: str, path: str, **more: Any) -> None:
    answer: httpx2.Response = user.http.request(method, path, **more)
    if answer.status_code != status:
        raise FaultError(f"{method} {path}: {answer.status_code}, not {status}: {answer.text}")


def _any(user: User) -> float:
    """A quality that hardly anybody asked for before, so that nothing is recalled."""
    return round(user.chance.uniform(15, 25), 6)
