"""A result that is there already is given at once: no engine is asked, and the copy is the new job's own."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from running import Running, User, client, running
from service_workloads import STARTED
from sqlalchemy import update

from blanklogo.engines.open import open_engine
from blanklogo.service.database import writing
from blanklogo.service.jobs import recall
from blanklogo.service.jobs.intake import Caller, Wish
from blanklogo.service.jobs.states import State
from blanklogo.service.jobs.table import jobs
from blanklogo.transfer.guard.policy import Policy
from loopback import serving

VIDEO = bytes(range(256)) * 200
RIGHTS = {"rights_confirmed": True}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("recall")
    with (
        open_engine("inline", workload="service_workloads:Copier") as engine,
        running(folder, engine, Policy.allowing("localhost")) as service,
    ):
        yield service


@pytest.fixture
def first(ann: User) -> Any:
    """A job that was done by the engine."""
    before = len(STARTED)
    job = ann.over(ann.upload(VIDEO)["job_id"])
    assert (job["status"], job.get("from_cache"), len(STARTED)) == ("completed", None, before + 1)
    return job


def fetched(user: User, job_id: str) -> bytes:
    download = user.get(f"/api/v1/jobs/{job_id}/download")
    with client("") as http:
        got = http.get(download["download_url"])
    assert got.status_code == 200
    assert hashlib.sha256(got.content).hexdigest() == download["sha256"]
    return got.content


def expire(service: Running, job_id: str) -> None:
    with writing(service.parts.database) as connection:
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(expires_seconds=1.0))
    assert service.parts.orchestrator is not None
    service.parts.orchestrator.tending.once()


def test_the_same_again_is_completed_by_the_answer_to_its_request(service: Running, ann: User, first: Any) -> None:
    before = len(STARTED)
    made = ann.upload(VIDEO, "another name.mp4", metadata='{"mine": 2}')
    assert made["status"] == "completed"
    job = ann.get(f"/api/v1/jobs/{made['job_id']}")
    assert (job["from_cache"], job["report"]["from_cache"]) == (first["job_id"], first["job_id"])
    assert (job["progress"], job["outcome"], job["attempts"]) == (100, "clean", 0)
    assert job["metadata"] == {"mine": 2}
    assert job["output"]["filename"] == "another name.clean.mp4"
    assert job["output"]["sha256"] == first["output"]["sha256"]
    assert len(STARTED) == before, "no engine was asked"
    assert fetched(ann, made["job_id"]) == VIDEO
    stored = service.parts.store.get(made["job_id"])
    assert stored is not None
    assert stored.upload_id is not None
    assert list(service.parts.storage.listed(f"{stored.owner}/{stored.upload_id}/")) == [], "its input is not kept"
    assert list(service.parts.storage.listed(f"{stored.owner}/{stored.id}/")) == [stored.output_key]


def test_each_copy_has_a_life_of_its_own(service: Running, ann: User, first: Any) -> None:
    second = ann.upload(VIDEO)["job_id"]
    expire(service, first["job_id"])
    ann.get(f"/api/v1/jobs/{first['job_id']}/download", 404)
    assert fetched(ann, second) == VIDEO
    before = len(STARTED)
    third = ann.get(f"/api/v1/jobs/{ann.upload(VIDEO)['job_id']}")
    assert (third["from_cache"], len(STARTED)) == (second, before), "a copy may be copied"
    for job_id in (second, third["job_id"]):
        expire(service, job_id)
    fourth = ann.over(ann.upload(VIDEO)["job_id"])
    assert (fourth.get("from_cache"), len(STARTED)) == (None, before + 1), "none was left"


def test_a_copy_outlives_what_was_copied_by_its_own_retention(service: Running, ann: User, first: Any) -> None:
    old, new = (service.parts.store.get(job_id) for job_id in (first["job_id"], ann.upload(VIDEO)["job_id"]))
    assert old is not None
    assert new is not None
    assert new.expires_seconds > old.expires_seconds


@pytest.mark.parametrize(
    "fields",
    [
        {"fresh": "true"},
        {"platform": "sora"},
        {"processing_mode": "inpaint"},
        {"boxes": "[[0, 0, 9, 9]]"},
        {"quality": "20"},
        {"to": "1.5"},
        {"detector": "none"},
    ],
    ids=str,
)
def test_what_differs_is_made(ann: User, first: Any, fields: dict[str, str]) -> None:
    before = len(STARTED)
    job = ann.over(ann.upload(VIDEO, **fields)["job_id"])
    assert (job["status"], job.get("from_cache"), len(STARTED)) == ("completed", None, before + 1)


def test_another_container_is_made(ann: User, first: Any) -> None:
    before = len(STARTED)
    assert ann.over(ann.upload(VIDEO, "clip.mkv")["job_id"]).get("from_cache") is None
    assert len(STARTED) == before + 1


def test_another_video_is_made(ann: User, first: Any) -> None:
    before = len(STARTED)
    assert ann.over(ann.upload(VIDEO + b"!")["job_id"]).get("from_cache") is None
    assert len(STARTED) == before + 1


def test_another_owners_result_is_nobodys(service: Running, first: Any) -> None:
    before = len(STARTED)
    with service.user() as bob:
        made = bob.upload(VIDEO)
        assert made["status"] == "queued"
        assert bob.over(made["job_id"]).get("from_cache") is None
    assert len(STARTED) == before + 1


def test_another_token_of_the_same_owner_gets_it(service: Running, ann: User, first: Any) -> None:
    stored = service.parts.store.get(first["job_id"])
    assert stored is not None
    with service.user(owner=stored.owner) as again:
        assert again.upload(VIDEO)["status"] == "completed"


def test_another_version_makes_it_anew(ann: User, first: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "__version__", "99.0.0")
    before = len(STARTED)
    assert ann.over(ann.upload(VIDEO)["job_id"]).get("from_cache") is None
    assert len(STARTED) == before + 1


def test_a_fresh_result_is_given_from_then_on(ann: User, first: Any) -> None:
    fresh = ann.over(ann.upload(VIDEO, fresh="true")["job_id"])
    again = ann.get(f"/api/v1/jobs/{ann.upload(VIDEO)['job_id']}")
    assert again["from_cache"] == fresh["job_id"]


def test_a_failure_is_not_given_again(ann: User) -> None:
    before = len(STARTED)
    for _ in range(2):
        assert ann.over(ann.upload(VIDEO, platform="kling")["job_id"])["status"] == "failed"
    assert len(STARTED) == before + 2


def test_a_video_by_url_is_known_once_it_was_fetched(ann: User, first: Any) -> None:
    before = len(STARTED)
    with serving() as server:
        server.files["/clip.mp4"] = VIDEO
        url = server.address.replace("127.0.0.1", "localhost") + "/clip.mp4"
        job = ann.over(ann.post("/api/v1/jobs", {"video_url": url, **RIGHTS})["job_id"])
    assert (job["status"], job["from_cache"], len(STARTED)) == ("completed", first["job_id"], before)
    assert fetched(ann, job["job_id"]) == VIDEO


def test_an_upload_by_put_is_known_once_it_was_read(ann: User, first: Any) -> None:
    before = len(STARTED)
    upload = ann.post("/api/v1/uploads", {"filename": "clip.mp4"})
    with client("") as http:
        http.put(upload["url"], content=VIDEO).raise_for_status()
    job = ann.over(ann.post("/api/v1/jobs", {"upload_id": upload["upload_id"], **RIGHTS})["job_id"])
    assert (job["status"], job["from_cache"], len(STARTED)) == ("completed", first["job_id"], before)
    assert job["input"]["sizeBytes"] == len(VIDEO)


def test_a_kill_in_the_middle_is_made_good(service: Running, ann: User, first: Any) -> None:
    """The row says that the job is in work, but no run was queued: the next round of tending queues one."""
    parts, before = service.parts, len(STARTED)
    stored = parts.store.get(first["job_id"])
    assert stored is not None
    caller = Caller(stored.owner, "tok_0", "req_0")
    upload = parts.intake.open_upload(caller, "clip.mp4", ".mp4")
    put = parts.storage.put(upload.key, iter([VIDEO]))
    wish = Wish(stored.request, upload_id=upload.id, num_bytes=put.num_bytes, sha256=put.sha256)
    job = parts.intake.create(caller, [wish]).jobs[0]
    begun = parts.store.begin(job.run)
    assert begun is not None
    assert begun.state is State.PROCESSING
    assert parts.orchestrator is not None
    parts.orchestrator.tending.once(quiet_seconds=0)
    done = ann.over(job.id)
    assert (done["status"], done["from_cache"], len(STARTED)) == ("completed", first["job_id"], before)


def test_process_video_http_is_given_it_too(ann: User, first: Any) -> None:

    before = len(STARTED)
    body = {"video": base64.b64encode(VIDEO).decode(), **RIGHTS}
    answer = ann.post("/process_video_http", body, 200)
    assert base64.b64decode(answer["video"]) == VIDEO
    assert (answer["report"]["from_cache"], len(STARTED)) == (first["job_id"], before)


def test_a_result_whose_bytes_are_gone_is_made_anew(service: Running, ann: User, first: Any) -> None:
    stored = service.parts.store.get(first["job_id"])
    assert stored is not None
    assert stored.output_key is not None
    service.parts.storage.delete(stored.output_key)
    before = len(STARTED)
    assert ann.over(ann.upload(VIDEO)["job_id"]).get("from_cache") is None
    assert len(STARTED) == before + 1


def test_nothing_is_left_in_the_storage(service: Running, ann: User, first: Any) -> None:
    stored = service.parts.store.get(ann.upload(VIDEO)["job_id"])
    assert stored is not None
    expire(service, first["job_id"])
    expire(service, stored.id)
    assert list(service.parts.storage.listed(f"{stored.owner}/")) == []
