"""Requests that are sent again: what they make is made once, by every call of the API that makes something."""

from __future__ import annotations

import base64
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from at_once import in_threads
from clocks import Clock
from fastapi.routing import iter_route_contexts
from receiver import PATIENCE_SECONDS, Receiver, receiving
from running import Running, User, running
from sqlalchemy import Connection, Engine, func, select

from blanklogo.engines.open import open_engine
from blanklogo.errors import ConflictError
from blanklogo.service.app import create_app
from blanklogo.service.database import reading
from blanklogo.service.jobs.intake import Caller, Intake, Wish
from blanklogo.service.jobs.states import State
from blanklogo.service.jobs.store import JobStore
from blanklogo.service.jobs.table import audit, uploads
from blanklogo.service.repeats import KEPT_SECONDS, Repeatable, Repeats, answers, repeatable
from blanklogo.service.routes.resumable import PATH as TUS_PATH
from blanklogo.service.settings import read_settings
from blanklogo.service.storage.keyring import KeyRing
from blanklogo.service.webhooks.signing import Secrets
from blanklogo.transfer.guard.policy import Policy

ANN = Caller("own_ann", "tok_a", "req_1")
WISH = Wish({}, video_url="https://example.com/a.mp4")
ONE = Repeatable("own_ann", "k1", "a" * 64)
OTHER = Repeatable("own_ann", "k1", "b" * 64)
VIDEO = bytes(range(256)) * 30
RIGHTS = {"rights_confirmed": True}
NUM_AT_ONCE = 4


# What a key does, whatever is made


@pytest.fixture
def repeats(database: Engine, clock: Clock) -> Repeats:
    return Repeats(database, clock)


@pytest.fixture
def store(database: Engine, clock: Clock) -> JobStore:
    return JobStore(database, clock)


@pytest.fixture
def intake(store: JobStore) -> Intake:
    return Intake(store)


def counting() -> Callable[[Connection], dict[str, int]]:
    """Makes 1, then 2, and so on."""
    numbers = itertools.count(1)
    return lambda _: {"number": next(numbers)}


def num_rows(database: Engine) -> int:
    with reading(database) as connection:
        return connection.scalar(select(func.count()).select_from(answers)) or 0


def test_the_same_request_makes_something_once(repeats: Repeats) -> None:
    make = counting()
    told = [repeats.once(ONE, make) for _ in range(3)]
    assert [one.made for one in told] == [{"number": 1}] * 3
    assert [one.is_repeated for one in told] == [False, True, True]
    assert repeats.before(ONE) == told[1]


def test_a_request_without_a_key_is_another_each_time(repeats: Repeats, database: Engine) -> None:
    make = counting()
    assert [repeats.once(None, make).made["number"] for _ in range(2)] == [1, 2]
    assert repeats.before(None) is None
    assert num_rows(database) == 0


def test_a_key_is_for_one_request_of_one_owner(repeats: Repeats) -> None:
    make = counting()
    repeats.once(ONE, make)
    for ask in (lambda: repeats.once(OTHER, make), lambda: repeats.before(OTHER)):
        with pytest.raises(ConflictError, match="another request"):
            ask()
    theirs = repeats.once(Repeatable("own_bob", "k1", "b" * 64), make)
    assert (theirs.made, theirs.is_repeated) == ({"number": 2}, False)


def test_what_makes_a_request_another_is_all_that_it_asks() -> None:
    kinds = [repeatable("own_ann", "k1", *asked) for asked in [("job", "a"), ("job", "b"), ("batch", "a"), ("job",)]]
    assert len({one.fingerprint for one in kinds if one is not None}) == 4
    assert repeatable("own_ann", "k1", "job", "a") == kinds[0]
    assert repeatable("own_ann", None, "job", "a") is None


def test_what_is_refused_makes_nothing_and_leaves_the_key_free(
    repeats: Repeats, intake: Intake, store: JobStore, database: Engine
) -> None:
    def refuse(connection: Connection) -> dict[str, Any]:
        intake.note(connection, ANN, "job.retry", "job_1", {})
        raise ConflictError("not now")

    with pytest.raises(ConflictError, match="not now"):
        repeats.once(ONE, refuse)
    with reading(database) as connection:
        assert connection.scalar(select(func.count()).select_from(audit)) == 0
    assert num_rows(database) == 0
    assert not repeats.once(OTHER, counting()).is_repeated


def test_a_key_ends_two_days_later_to_the_moment(repeats: Repeats, clock: Clock) -> None:
    make, began = counting(), clock.now
    repeats.once(ONE, make)
    clock.now = began + 2 * 86400 - 0.25
    assert repeats.once(ONE, make).made == {"number": 1}
    with pytest.raises(ConflictError):
        repeats.once(OTHER, make)
    clock.now = began + 2 * 86400
    assert repeats.before(ONE) is None
    assert repeats.before(OTHER) is None
    assert repeats.once(OTHER, make).made == {"number": 2}, "it is free for any request, though no row was removed"
    assert repeats.once(OTHER, make).is_repeated


def test_rows_go_when_their_keys_have_ended(repeats: Repeats, clock: Clock, database: Engine) -> None:
    repeats.once(ONE, counting())
    clock.now += KEPT_SECONDS - 1
    repeats.once(Repeatable("own_ann", "k2", "a" * 64), counting())
    repeats.forget()
    assert num_rows(database) == 2
    clock.now += 1
    repeats.forget()
    assert num_rows(database) == 1


def test_of_several_at_once_one_makes_something_and_the_others_wait_for_it(repeats: Repeats) -> None:
    numbers, lock = itertools.count(1), threading.Lock()

    def make(_: Connection) -> dict[str, int]:
        with lock:
            number = next(numbers)
        time.sleep(0.2)
        return {"number": number}

    told = in_threads(lambda _: repeats.once(ONE, make), 6)
    assert [one.made for one in told] == [{"number": 1}] * 6
    assert sum(one.is_repeated for one in told) == 5


def test_when_the_first_is_refused_one_that_waited_makes_it(repeats: Repeats) -> None:
    numbers = itertools.count(1)

    def make(_: Connection) -> dict[str, int]:
        number = next(numbers)
        time.sleep(0.1)
        if number == 1:
            raise ConflictError("not now")
        return {"number": number}

    told = in_threads(lambda _: repeats.once(ONE, make), NUM_AT_ONCE)
    assert sum(isinstance(one, ConflictError) for one in told) == 1
    assert {one.made["number"] for one in told if not isinstance(one, ConflictError)} == {2}


# What is made under a key, by several at once, on each kind of database


def test_jobs_are_made_once(intake: Intake, store: JobStore) -> None:
    told = in_threads(lambda _: intake.create(ANN, [WISH, WISH], ONE, is_batch=True), NUM_AT_ONCE)
    assert len({(one.batch_id, tuple(job.id for job in one.jobs)) for one in told}) == 1
    assert store.page("own_ann").num_total == 2


def test_a_place_is_given_once_and_while_it_is_open(intake: Intake, clock: Clock) -> None:
    told = in_threads(lambda _: intake.open_upload(ANN, "a.mp4", ".mp4", ONE), NUM_AT_ONCE)
    (upload,) = set(told)
    assert intake.opened_before(ONE) == upload
    clock.now = upload.expires_seconds
    with pytest.raises(ConflictError, match="no longer open"):
        intake.opened_before(ONE)


def test_a_place_that_a_job_has_is_not_given_again(intake: Intake) -> None:
    upload = intake.open_upload(ANN, "a.mp4", ".mp4", ONE)
    intake.create(ANN, [Wish({}, upload_id=upload.id)])
    with pytest.raises(ConflictError, match="no longer open"):
        intake.open_upload(ANN, "a.mp4", ".mp4", ONE)


def test_a_job_is_tried_again_once(repeats: Repeats, intake: Intake, store: JobStore) -> None:
    job = intake.create(ANN, [WISH]).jobs[0]
    store.begin(job.run)
    store.end(job.run, State.FAILED)

    def make(connection: Connection) -> dict[str, int]:
        again = store.retry(connection, "own_ann", job.id, store.clock() + 9)
        assert again is not None
        return {"run": again.run_number}

    told = in_threads(lambda _: repeats.once(ONE, make), NUM_AT_ONCE)
    assert [one.made for one in told] == [{"run": 2}] * NUM_AT_ONCE


def test_a_secret_is_made_once_and_not_kept(repeats: Repeats, database: Engine, clock: Clock) -> None:
    secrets = Secrets(database, KeyRing((("a", bytes(32)),)), clock)

    def made() -> str:
        outcome = repeats.once(ONE, lambda connection: secrets.begin(connection, "own_ann", 60))
        return secrets.renewed("own_ann", outcome.made).secret.reveal()

    told = in_threads(lambda _: made(), NUM_AT_ONCE)
    (secret,) = set(told)
    assert secrets.good("own_ann")[0].reveal() == secret
    with reading(database) as connection:
        (kept,) = connection.execute(select(answers)).all()
    assert secret.removeprefix("whsec_") not in str(kept)


# Every call of the API that makes something

Asked = dict[str, Any]  # arguments of `httpx2.Client.post`


def jobs(user: User, _: Receiver) -> list[Asked]:
    body = {"video_url": "https://video.invalid/a.mp4", **RIGHTS}
    return [{"url": "/api/v1/jobs", "json": {**body, **more}} for more in ({}, {"quality": 30})]


def batches(user: User, _: Receiver) -> list[Asked]:
    names = [["a"], ["a", "b"]]
    videos = [[{"video_url": f"https://video.invalid/{name}.mp4"} for name in some] for some in names]
    return [{"url": "/api/v1/jobs/batch", "json": {"videos": some, **RIGHTS}} for some in videos]


def forms(user: User, _: Receiver) -> list[Asked]:
    told = {"url": "/api/v1/jobs/upload", "data": {"rights_confirmed": "true"}}
    return [{**told, "files": {"video": ("a.mp4", data)}} for data in (VIDEO, VIDEO[:-1])]


def bodies(user: User, _: Receiver) -> list[Asked]:
    texts = [base64.b64encode(data).decode() for data in (VIDEO, VIDEO[:-1])]
    return [{"url": "/process_video_http", "json": {"video": text, **RIGHTS}} for text in texts]


def places(user: User, _: Receiver) -> list[Asked]:
    return [{"url": "/api/v1/uploads", "json": {"filename": name}} for name in ("a.mp4", "b.mp4")]


def resumable(user: User, _: Receiver) -> list[Asked]:
    told = {"Tus-Resumable": "1.0.0"}
    return [{"url": TUS_PATH, "headers": {**told, "Upload-Length": length}} for length in ("5", "6")]


def retries(user: User, _: Receiver) -> list[Asked]:
    failed = [user.upload(VIDEO, platform="kling")["job_id"] for _ in range(2)]
    for job_id in failed:
        user.over(job_id)
    return [{"url": f"/api/v1/jobs/{job_id}/retry"} for job_id in failed]


def replays(user: User, receiver: Receiver) -> list[Asked]:
    job_id = user.upload(VIDEO, webhook_url=receiver.url)["job_id"]
    path, end = f"/api/v1/jobs/{job_id}/deliveries", time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        log = user.get(path, params={"status": "delivered"})["deliveries"]
        if len(log) == 2:  # begun and completed
            return [{"url": f"{path}/{one['id']}/replay"} for one in log]
        time.sleep(0.05)
    raise AssertionError(log)


def secrets(user: User, _: Receiver) -> list[Asked]:
    return [{"url": "/api/v1/webhooks/secret", "json": {"overlap_seconds": seconds}} for seconds in (60, 61)]


CALLS = {
    "/api/v1/jobs": jobs,
    "/api/v1/jobs/batch": batches,
    "/api/v1/jobs/upload": forms,
    "/api/v1/jobs/{job_id}/retry": retries,
    "/api/v1/jobs/{job_id}/deliveries/{event_id}/replay": replays,
    "/api/v1/uploads": places,
    TUS_PATH: resumable,
    "/api/v1/webhooks/secret": secrets,
    "/process_video_http": bodies,
}
"""For each, a request and another that is not the same."""

MAKE_NOTHING = {
    "/api/v1/estimate",  # figures of figures
    f"{TUS_PATH}/{{upload_id}}",  # PATCH and DELETE by another name, which come to the same when they are repeated
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("repeats")
    with (
        open_engine("inline", workload="service_workloads:Copier") as engine,
        running(folder, engine, Policy.allowing("127.0.0.1"), jobs_of_owner=8, rate_per_second=0) as service,
    ):
        yield service


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def ask(user: User, asked: Asked, key: str) -> httpx2.Response:
    return user.http.post(**{**asked, "headers": {**asked.get("headers", {}), "Idempotency-Key": key}})


def named(response: httpx2.Response) -> list[Any]:
    """What an answer names."""
    assert response.is_success, response.text
    told = response.json() if response.content else {}
    return [response.headers.get("location"), *(told.get(name) for name in NAMES)]


NAMES = (
    "job_id",
    "batch_id",
    "upload_id",
    "id",
    "secret",
    "created_at",
    "made_at",
    "others_end_at",
    "expires_at",
)


def num_made(service: Running, owner: str, path: str) -> int:
    """How often an owner had something made: each time there is a line of the audit, or an upload."""
    table = uploads if path in ("/api/v1/uploads", TUS_PATH) else audit
    with reading(service.parts.database) as connection:
        return connection.scalar(select(func.count()).select_from(table).where(table.c.owner == owner)) or 0


def test_every_call_that_makes_something_is_tried_here() -> None:
    app = create_app(read_settings(database="sqlite:///never-opened.db"))
    posts = {one.path for one in iter_route_contexts(app.routes) if "POST" in (one.methods or ())}
    assert posts - MAKE_NOTHING == set(CALLS), "a call that makes something takes an Idempotency-Key"
    assert posts > MAKE_NOTHING


@pytest.mark.parametrize("path", CALLS)
def test_a_call_that_is_repeated_makes_nothing_new(service: Running, receiver: Receiver, path: str) -> None:
    owner = f"own_{CALLS[path].__name__}"
    with service.user(owner=owner) as user:
        one, other = CALLS[path](user, receiver)
        before = num_made(service, owner, path)
        first, second = (ask(user, one, "k1") for _ in range(2))
        assert named(first) == named(second)
        assert first.status_code == second.status_code
        refused = ask(user, other, "k1")
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict"), refused.text
        assert "Idempotency-Key" in refused.json()["detail"]
        assert num_made(service, owner, path) == before + 1


@pytest.mark.parametrize("path", CALLS)
def test_of_calls_at_the_same_moment_one_makes_something(service: Running, receiver: Receiver, path: str) -> None:
    owner = f"own_{CALLS[path].__name__}_at_once"
    with service.user(owner=owner) as user:
        one, _ = CALLS[path](user, receiver)
        before = num_made(service, owner, path)
        told = in_threads(lambda _: named(ask(user, one, "k1")), NUM_AT_ONCE)
        assert told == [told[0]] * NUM_AT_ONCE
        assert num_made(service, owner, path) == before + 1


@pytest.mark.parametrize("path", CALLS)
def test_another_owners_same_key_is_another_key(service: Running, receiver: Receiver, path: str) -> None:
    with service.user() as ann, service.user() as bob:
        told = [named(ask(user, CALLS[path](user, receiver)[0], "k1")) for user in (ann, bob)]
        assert told[0] != told[1]


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256])
def test_a_key_that_is_none_is_refused(ann: User, receiver: Receiver, key: str) -> None:
    for call in (places, resumable):
        refused = ask(ann, call(ann, receiver)[0], key.encode())  # type: ignore[arg-type]
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


def test_a_retry_that_is_repeated_after_it_failed_again_is_no_third_run(service: Running, receiver: Receiver) -> None:
    with service.user() as user:
        one, _ = retries(user, receiver)
        job_id = ask(user, one, "k1").json()["job_id"]
        user.over(job_id)
        assert ask(user, one, "k1").json()["status"] == "failed", "how the job is now"
        kept = service.parts.store.get(job_id)
        assert kept is not None
        assert kept.run_number == 2


def test_an_upload_that_is_begun_again_goes_on_where_it_was(ann: User, receiver: Receiver) -> None:
    one, _ = resumable(ann, receiver)
    begun = ask(ann, one, "k1")
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    assert ann.http.patch(begun.headers["location"], content=b"abc", headers=headers).status_code == 204
    again = ask(ann, one, "k1")
    assert (again.headers["location"], again.headers["upload-offset"]) == (begun.headers["location"], "3")


def test_an_upload_whose_beginning_was_cut_short_is_begun_by_the_next(
    service: Running, ann: User, receiver: Receiver
) -> None:
    """Its process was killed between the key's row and the storage's object."""
    one, _ = resumable(ann, receiver)
    begun = ask(ann, one, "k1").headers["location"]
    for key in list(service.parts.storage.listed()):
        if begun.rpartition("/")[2] in key:
            service.parts.storage.delete(key)
    assert ann.http.head(begun, headers={"Tus-Resumable": "1.0.0"}).status_code == 404
    assert ask(ann, one, "k1").headers["location"] == begun
    assert ann.http.head(begun, headers={"Tus-Resumable": "1.0.0"}).headers["upload-offset"] == "0"


def test_who_may_begin_no_more_uploads_is_still_told_of_the_last(service: Running, receiver: Receiver) -> None:
    with service.user() as user:
        one, _ = resumable(user, receiver)
        told = [ask(user, one, f"k{number}").status_code for number in range(21)]
        assert told == [201] * 20 + [429]
        assert ask(user, one, "k19").status_code == 201
