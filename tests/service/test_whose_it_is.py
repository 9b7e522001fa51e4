"""What is another owner's is not there: every route that the application has, asked about somebody else's things."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.routing import iter_route_contexts
from receiver import receiving
from running import Running, User, client, running

from blanklogo.engines.open import open_engine
from blanklogo.service.app import create_app
from blanklogo.service.routes.resumable import PATH
from blanklogo.service.settings import read_settings
from blanklogo.transfer.guard.policy import Policy

VIDEO = bytes(range(256)) * 30
RIGHTS = {"rights_confirmed": True}
TUS = {"Tus-Resumable": "1.0.0"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
VARYING = ("date", "x-request-id")
CAROL = "own_carol"


@dataclass(frozen=True)
class Things:
    """What requests name.

    Attributes:
        job_id: with `event_id`, of what was told about it, in `batch_id`.
        upload_id: waits for its file, or for a job.
        file_key: of the job's result.
    """

    job_id: str
    event_id: str
    batch_id: str
    upload_id: str
    file_key: str


NOBODYS = Things("job_000000000000", f"evt_{'0' * 24}", "batch_000000000000", "upload_000000000000", "own_0/a/b.mp4")

Asked = Callable[[Things], dict[str, Any]]
"""What a request holds beside its method and its path."""

# Every route there is, with the ways to name another's thing in it; none: there is no room for one. A new route fails
# `test_no_route_is_left_out` until it is here.
NO_THING: tuple[Asked, ...] = ()
BY_PATH: tuple[Asked, ...] = (lambda things: {},)
ROUTES: dict[str, tuple[Asked, ...]] = {
    "GET /openapi.json": NO_THING,
    "HEAD /openapi.json": NO_THING,
    "GET /docs": NO_THING,
    "HEAD /docs": NO_THING,
    "GET /docs/oauth2-redirect": NO_THING,
    "HEAD /docs/oauth2-redirect": NO_THING,
    "GET /redoc": NO_THING,
    "HEAD /redoc": NO_THING,
    "GET /health": NO_THING,
    "GET /healthz": NO_THING,
    "GET /readyz": NO_THING,
    "GET /metrics": NO_THING,  # sums over all owners, for an admin
    "GET /api/v1/platforms": NO_THING,
    "POST /api/v1/estimate": NO_THING,
    "POST /api/v1/webhooks/secret": NO_THING,  # the caller's own
    "POST /api/v1/jobs": (lambda things: {"json": {"upload_id": things.upload_id, **RIGHTS}},),
    "POST /api/v1/jobs/batch": (
        lambda things: {"json": {"videos": [{"upload_id": things.upload_id}], **RIGHTS}},
        lambda things: {
            "json": {"videos": [{"video_url": "https://a.invalid/b.mp4"}, {"upload_id": things.upload_id}], **RIGHTS}
        },
    ),
    "GET /api/v1/jobs": NO_THING,  # a batch's id there is a filter, tried by itself
    "GET /api/v1/jobs/{job_id}": BY_PATH,
    "DELETE /api/v1/jobs/{job_id}": BY_PATH,
    "GET /api/v1/jobs/{job_id}/download": BY_PATH,
    "POST /api/v1/jobs/{job_id}/retry": BY_PATH,
    "GET /api/v1/jobs/{job_id}/events": (
        lambda things: {},
        lambda things: {"headers": {"Last-Event-ID": "1"}},
    ),
    "GET /api/v1/jobs/{job_id}/deliveries": BY_PATH,
    "POST /api/v1/jobs/{job_id}/deliveries/{event_id}/replay": BY_PATH,
    "POST /api/v1/jobs/upload": NO_THING,  # it names its own upload
    "POST /process_video_http": NO_THING,
    "POST /api/v1/uploads": NO_THING,
    "OPTIONS /api/v1/uploads/tus": NO_THING,
    "POST /api/v1/uploads/tus": NO_THING,
    "HEAD /api/v1/uploads/tus/{upload_id}": (lambda things: {"headers": TUS},),
    "PATCH /api/v1/uploads/tus/{upload_id}": (
        lambda things: {
            "headers": {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"},
            "content": VIDEO,
        },
        lambda things: {"headers": {**TUS, "Upload-Offset": "7"}},
    ),
    "DELETE /api/v1/uploads/tus/{upload_id}": (lambda things: {"headers": TUS},),
    "POST /api/v1/uploads/tus/{upload_id}": (
        lambda things: {"headers": {**TUS, "X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0"}},
        lambda things: {"headers": {**TUS, "X-HTTP-Method-Override": "DELETE"}},
    ),
    # Here a signature is asked for, and a token is worth nothing.
    "GET /files/{key:path}": BY_PATH,
    "HEAD /files/{key:path}": BY_PATH,
    "PUT /files/{key:path}": (lambda things: {"content": VIDEO},),
}
EXPECTED = {  # what a thing that is not there is answered with, where not by 404
    "/api/v1/jobs": 422,  # of a body's field
    "/api/v1/jobs/batch": 422,
    "/files/{key:path}": 403,
}
TRIED = [(route, number) for route, ways in ROUTES.items() for number in range(len(ways))]


def routes_of(folder: Path) -> list[str]:
    """Every route of the application, as "METHOD PATH"."""
    app = create_app(read_settings(database=f"sqlite:///{folder / 'none.db'}"))
    found = iter_route_contexts(app.routes)
    return sorted(f"{method} {route.path}" for route in found for method in route.methods or ("?",))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with (
        open_engine("inline", workload="service_workloads:Copier") as engine,
        running(tmp_path_factory.mktemp("owners"), engine, Policy.allowing("127.0.0.1"), rate_per_second=0) as service,
    ):
        yield service


@pytest.fixture(scope="module")
def bob(service: Running) -> Iterator[User]:
    with service.user() as user:
        yield user


@pytest.fixture(scope="module")
def carol(service: Running) -> Iterator[User]:
    """Whose things they are."""
    with service.user(owner=CAROL) as user:
        yield user


@pytest.fixture(scope="module")
def over(service: Running, carol: User) -> Things:
    """A job with a result, and an upload that waits for its file."""
    with receiving() as receiver:
        body = {"videos": [{"upload_id": brought(carol)}], "webhook_url": receiver.url, **RIGHTS}
        batch = carol.post("/api/v1/jobs/batch", body)
        (job,) = batch["jobs"]
        assert carol.over(job["job_id"])["status"] == "completed"
    waiting = carol.http.post(PATH, headers={**TUS, "Upload-Length": str(len(VIDEO))}).headers["Location"]
    return things_of(service, carol, job["job_id"], batch["batch_id"], waiting.rpartition("/")[2])


@pytest.fixture(scope="module")
def own(bob: User) -> str:
    """A job with a result, of the one who asks."""
    job_id = bob.upload(VIDEO)["job_id"]
    assert bob.over(job_id)["status"] == "completed"
    return job_id


@pytest.fixture(scope="module")
def under_way(service: Running, carol: User, own: str) -> Things:
    """A job that is being worked on, and the upload that it has taken. It holds the one worker, so others go first."""
    upload_id = brought(carol)
    with receiving() as receiver:
        body = {"videos": [{"upload_id": upload_id}], "platform": "pika", "webhook_url": receiver.url, **RIGHTS}
        batch = carol.post("/api/v1/jobs/batch", body)
        (job,) = batch["jobs"]
        carol.until(job["job_id"], lambda job: job["progress"] >= 30)
    return things_of(service, carol, job["job_id"], batch["batch_id"], upload_id)


def brought(user: User) -> str:
    """An upload whose file has come."""
    upload = user.post("/api/v1/uploads", {})
    with client("") as http:
        http.put(upload["url"], content=VIDEO).raise_for_status()
    return upload["upload_id"]


def things_of(service: Running, user: User, job_id: str, batch_id: str, upload_id: str) -> Things:
    event = user.get(f"/api/v1/jobs/{job_id}/deliveries")["deliveries"][0]
    job = service.parts.store.get(job_id)
    assert job is not None
    return Things(job_id, event["id"], batch_id, upload_id, job.output_key or job.input_key or "")


def asked(user: User, method: str, path: str, things: Things, more: Asked) -> httpx2.Response:
    named = path.replace("{key:path}", "{file_key}").format(**asdict(things))
    request = user.http.build_request(method, named, **more(things))
    return user.http.send(request)


def told(response: httpx2.Response, things: Things) -> tuple[int, dict[str, str], str]:
    """An answer without what differs from request to request, and without what was named in it."""
    text = response.text
    for name in asdict(things).values():
        text = text.replace(name, "NAME")
    text = text.replace(response.headers["x-request-id"], "REQUEST")
    headers = {name: value for name, value in response.headers.items() if name not in VARYING}
    return response.status_code, headers | {"content-length": str(len(text))}, text


def seen_by(user: User, things: Things) -> list[Any]:
    """All that an owner sees of their things, but for how far a job is."""
    job = user.get(f"/api/v1/jobs/{things.job_id}")
    deliveries = user.get(f"/api/v1/jobs/{things.job_id}/deliveries")["deliveries"]
    upload = user.http.head(f"{PATH}/{things.upload_id}", headers=TUS)
    listed = user.get("/api/v1/jobs", params={"batch_id": things.batch_id})["total"]
    replays = [one["num_replays"] for one in deliveries]
    return [job["status"], job["attempts"], replays, listed, upload.status_code, upload.headers.get("Upload-Offset")]


def test_no_route_is_left_out(tmp_path: Path) -> None:
    assert routes_of(tmp_path) == sorted(ROUTES), "say of a new one how it names things, and it is tried"


@pytest.mark.parametrize(("route", "number"), TRIED)
def test_what_is_anothers_is_not_there(
    carol: User, bob: User, over: Things, under_way: Things, route: str, number: int
) -> None:
    method, path = route.split()
    way = ROUTES[route][number]
    for things in (over, under_way):
        before = seen_by(carol, things)
        status, *answer = told(asked(bob, method, path, things, way), things)
        assert [status, *answer] == list(told(asked(bob, method, path, NOBODYS, way), NOBODYS)), things
        assert status == EXPECTED.get(path, 404)
        assert seen_by(carol, things) == before


@pytest.mark.parametrize("path", sorted({route.split()[1] for route in ROUTES if "{" in route}))
@pytest.mark.parametrize("method", METHODS)
def test_no_method_tells_it_from_nothing(bob: User, over: Things, method: str, path: str) -> None:
    answers = [told(asked(bob, method, path, things, lambda things: {}), things) for things in (over, NOBODYS)]
    assert answers[0] == answers[1]
    assert answers[0][0] >= 400


@pytest.mark.parametrize("route", [route for route in ROUTES if "{job_id}" in route])
def test_its_owner_finds_it_there(carol: User, over: Things, route: str) -> None:
    assert asked(carol, *route.split(), over, lambda things: {}).status_code in (200, 202, 409)


def test_a_list_holds_none_of_it(bob: User, over: Things, under_way: Things, own: str) -> None:
    for batch_id in (over.batch_id, under_way.batch_id, NOBODYS.batch_id):
        assert bob.get("/api/v1/jobs", params={"batch_id": batch_id}) == {
            "jobs": [],
            "total": 0,
            "offset": 0,
            "limit": 20,
        }
    listed = bob.get("/api/v1/jobs", params={"limit": 100})["jobs"]
    assert not {over.job_id, under_way.job_id} & {job["job_id"] for job in listed}


def test_a_batch_with_anothers_upload_takes_nothing(bob: User, over: Things, under_way: Things) -> None:
    before = bob.get("/api/v1/jobs")["total"]
    upload_id = brought(bob)
    for things in (over, under_way):
        body = {"videos": [{"upload_id": upload_id}, {"upload_id": things.upload_id}], **RIGHTS}
        assert bob.post("/api/v1/jobs/batch", body, 422)["code"] == "option"
    assert bob.get("/api/v1/jobs")["total"] == before
    bob.post("/api/v1/jobs", {"upload_id": upload_id, **RIGHTS})


def test_an_event_belongs_to_its_job(bob: User, over: Things, own: str) -> None:
    path = "/api/v1/jobs/{}/deliveries/{}/replay"
    answers = [bob.http.post(path.format(own, event_id)) for event_id in (over.event_id, NOBODYS.event_id)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert told(answers[0], over) == told(answers[1], NOBODYS)


def test_a_signed_url_opens_nothing_but_its_own_file(bob: User, over: Things, under_way: Things, own: str) -> None:
    get = httpx2.URL(bob.get(f"/api/v1/jobs/{own}/download")["download_url"])
    put = httpx2.URL(bob.post("/api/v1/uploads", {})["url"])
    for signed, methods in ((get, ("GET", "HEAD", "PUT")), (put, ("PUT", "GET", "HEAD"))):
        for method in methods:
            answers = [
                told(bob.http.request(method, signed.copy_with(path=f"/files/{things.file_key}"), content=b"x"), things)
                for things in (over, under_way, NOBODYS)
            ]
            assert answers[0][0] == 403
            assert answers[0] == answers[1] == answers[2]


def test_a_key_of_anothers_request_is_free(bob: User, carol: User) -> None:
    body = {"video_url": "https://video.invalid/a.mp4", **RIGHTS}
    once = {"headers": {"Idempotency-Key": "the-same"}}
    assert carol.post("/api/v1/jobs", body, **once)["job_id"] != bob.post("/api/v1/jobs", body, **once)["job_id"]
