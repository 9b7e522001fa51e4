"""Webhooks through the whole service: a job ends, and its receiver on loopback is told."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from receiver import PATIENCE_SECONDS, Receiver, receiving, silent
from running import Running, User, client, running
from sqlalchemy import select

from blanklogo.client.webhooks import read_event
from blanklogo.engines.open import open_engine
from blanklogo.service.database import reading
from blanklogo.service.jobs.table import audit
from blanklogo.service.tokens.token import Scope
from blanklogo.service.webhooks.message import EventTold
from blanklogo.transfer.guard.policy import Policy

VIDEO = bytes(range(256)) * 30
RIGHTS = {"rights_confirmed": True}
ENDS = ["job.started", "job.completed"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("webhooks")
    with (
        open_engine("inline", workload="service_workloads:Copier") as engine,
        running(
            folder,
            engine,
            Policy.allowing("127.0.0.1"),
            jobs_of_owner=8,
            webhook_seconds=1.5,
            webhook_retry_seconds=0.05,
        ) as service,
    ):
        yield service


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def log_of(user: User, job_id: str, is_it: Callable[[list[Any]], bool]) -> list[Any]:
    """A job's deliveries, the oldest first, as soon as it is so."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        listed = user.get(f"/api/v1/jobs/{job_id}/deliveries", params={"limit": 100})
        found = listed["deliveries"][::-1]
        if is_it(found):
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def all_over(log: list[Any]) -> bool:
    return bool(log) and all(one["status"] != "waiting" for one in log)


def ended(*names: str) -> Callable[[list[Any]], bool]:
    return lambda log: [one["event"] for one in log] == list(names) and all_over(log)


def test_who_is_named_is_told_how_a_job_goes(ann: User, receiver: Receiver) -> None:
    secret = ann.post("/api/v1/webhooks/secret", {})["secret"]
    made = ann.upload(VIDEO, "clip.mov", webhook_url=receiver.url + "?key=hush", metadata='{"order": 7}')
    job = ann.over(made["job_id"])
    log = log_of(ann, made["job_id"], ended(*ENDS))
    started, completed = receiver.told
    assert [told.event["event"] for told in receiver.told] == ENDS
    assert [told.path for told in receiver.told] == ["/hook?key=hush"] * 2
    assert started.is_signed_by(secret)
    assert completed.is_signed_by(secret)
    data = completed.event["data"]
    assert (data["jobId"], data["status"], data["outcome"], data["metadata"]) == (
        made["job_id"],
        "completed",
        "clean",
        {"order": 7},
    )
    assert data["output"] == {
        "filename": "clip.clean.mov",
        "sizeBytes": len(VIDEO),
        "sha256": job["output"]["sha256"],
        "route": f"/api/v1/jobs/{made['job_id']}/download",
    }
    assert ann.get(data["route"])["job_id"] == made["job_id"]
    assert ann.get(data["output"]["route"])["sha256"] == job["output"]["sha256"]
    assert "signature" not in completed.body.decode(), "a signed URL would outlive whoever it is for"
    assert "hush" not in completed.body.decode() + json.dumps(log)
    assert completed.headers["x-webhook-id"] == completed.event["id"] == log[1]["id"]
    assert completed.headers["x-webhook-event"] == "job.completed"
    assert abs(int(completed.headers["x-webhook-timestamp"]) - completed.at_seconds) < 60
    EventTold.model_validate_json(completed.body)
    assert [(one["num_attempts"], one["attempts"][0]["status"]) for one in log] == [(1, 204), (1, 204)]
    assert log[0]["url"] == receiver.url
    event = read_event(completed.body, completed.headers, secret)
    assert (event.id, event.name, event.data["jobId"]) == (log[1]["id"], "job.completed", made["job_id"])


def test_only_what_is_wished_for_is_told(ann: User, receiver: Receiver) -> None:
    wished = {"webhook_url": receiver.url, "webhook_events": '["job.progress", "job.failed"]'}
    done = ann.upload(VIDEO, platform="custom", **wished)["job_id"]
    ann.over(done)
    log_of(ann, done, all_over)
    told = [told.event for told in receiver.of(done)]
    assert {event["event"] for event in told} == {"job.progress"}
    steps = [event["data"]["currentStep"] for event in told]
    assert len(steps) == len(set(steps)) >= 2, "each step once"
    failed = ann.upload(VIDEO, platform="kling", **wished)["job_id"]
    ann.over(failed)
    log_of(ann, failed, lambda log: all_over(log) and log[-1]["event"] == "job.failed")
    last = receiver.of(failed)[-1].event
    assert (last["event"], last["data"]["status"], last["data"]["error"]["error"]) == (
        "job.failed",
        "failed",
        "SourceError",
    )
    assert set(last["data"]["error"]) == {"error", "message", "hint"}


def test_a_cancelled_job_is_told_whether_it_waited_or_not(ann: User, receiver: Receiver) -> None:
    busy = [ann.upload(VIDEO, platform="pika", webhook_url=receiver.url)["job_id"] for _ in range(9)]
    # There is one worker, and whichever of those queued together comes first has it.
    ann.until(busy[0], lambda _: any(ann.get(f"/api/v1/jobs/{one}")["status"] == "processing" for one in busy))
    for job_id in reversed(busy):
        ann.delete(f"/api/v1/jobs/{job_id}")
    for job_id in busy:
        assert ann.over(job_id)["status"] == "cancelled"
        log = log_of(ann, job_id, lambda log: all_over(log) and log[-1]["event"] == "job.cancelled")
        assert [one["event"] for one in log] in (["job.cancelled"], ["job.started", "job.cancelled"])
        ann.delete(f"/api/v1/jobs/{job_id}")
        assert len(log_of(ann, job_id, all_over)) == len(log), "twice is once"


def test_a_retry_is_told_anew(ann: User, receiver: Receiver) -> None:
    job_id = ann.upload(VIDEO, platform="kling", webhook_url=receiver.url)["job_id"]
    ann.over(job_id)
    ann.post(f"/api/v1/jobs/{job_id}/retry", status=200)
    ann.over(job_id)
    log_of(ann, job_id, ended("job.started", "job.failed", "job.started", "job.failed"))
    assert [told.event["data"]["run"] for told in receiver.of(job_id)] == [1, 1, 2, 2]


def test_a_receiver_that_has_trouble_is_tried_again_with_the_same_words(ann: User, receiver: Receiver) -> None:
    receiver.statuses, receiver.body = [500, 429], b"busy\0\n\x1b[31m" + b"x" * 5000
    wished = {"webhook_url": receiver.url, "webhook_events": '["job.completed"]'}
    job_id = ann.upload(VIDEO, **wished)["job_id"]
    (delivery,) = log_of(ann, job_id, ended("job.completed"))
    assert (delivery["status"], delivery["num_attempts"]) == ("delivered", 3)
    assert [one["status"] for one in delivery["attempts"]] == [500, 429, 204]
    excerpts = [one.get("excerpt") for one in delivery["attempts"]]
    assert excerpts[0] == ("busy [31m" + "x" * 5000)[:200]
    assert excerpts[2] is None
    bodies = {told.body for told in receiver.told}
    assert (len(receiver.told), len(bodies)) == (3, 1)
    assert {told.headers["x-webhook-id"] for told in receiver.told} == {delivery["id"]}


def test_three_tries_and_no_more(ann: User, receiver: Receiver) -> None:
    receiver.statuses = [503] * 9
    wished = {"webhook_url": receiver.url, "webhook_events": '["job.completed"]'}
    job_id = ann.upload(VIDEO, **wished)["job_id"]
    (delivery,) = log_of(ann, job_id, ended("job.completed"))
    assert (delivery["status"], delivery["reason"], delivery["num_attempts"]) == ("failed", "failed 3 times", 3)
    assert len(receiver.told) == 3
    assert ann.get(f"/api/v1/jobs/{job_id}")["status"] == "completed"


@pytest.mark.parametrize("status", [400, 403, 404, 302])
def test_a_last_word_is_not_asked_for_twice(ann: User, receiver: Receiver, status: int) -> None:
    with receiving() as elsewhere:
        receiver.statuses, receiver.headers = [status] * 9, {"Location": elsewhere.url} if status == 302 else {}
        wished = {"webhook_url": receiver.url, "webhook_events": '["job.completed"]'}
        job_id = ann.upload(VIDEO, **wished)["job_id"]
        (delivery,) = log_of(ann, job_id, ended("job.completed"))
        assert (delivery["status"], delivery["num_attempts"], len(receiver.told)) == ("failed", 1, 1)
        assert delivery["attempts"][0]["status"] == status
        assert elsewhere.told == [], "a redirect is not followed"


def test_a_receiver_that_wants_no_more_is_left_alone(ann: User, receiver: Receiver) -> None:
    receiver.statuses = [410]
    job_id = ann.upload(VIDEO, platform="kling", webhook_url=receiver.url)["job_id"]
    ann.over(job_id)
    log = log_of(ann, job_id, all_over)
    assert (log[0]["status"], log[0]["num_attempts"]) == ("failed", 1)
    ann.post(f"/api/v1/jobs/{job_id}/retry", status=200)
    ann.over(job_id)
    assert len(receiver.told) == 1
    assert all_over(log_of(ann, job_id, all_over))


def test_a_receiver_that_hangs_costs_its_time_and_holds_up_nobody(ann: User, service: Running) -> None:
    with silent() as nowhere, receiving() as held, receiving() as good, service.user() as bob:
        held.held.clear()
        began = time.monotonic()
        jobs = [ann.upload(VIDEO, webhook_url=url)["job_id"] for url in (nowhere, held.url)]
        for job_id in jobs:
            assert ann.over(job_id)["status"] == "completed"
        other = bob.upload(VIDEO, webhook_url=good.url)["job_id"]
        log_of(bob, other, ended(*ENDS))
        for job_id in jobs:
            log = log_of(ann, job_id, ended(*ENDS))
            assert {one["reason"] for one in log} == {"failed 3 times"}
            errors = {attempt["error"] for one in log for attempt in one["attempts"]}
            assert len(errors) == 1
            assert "1.5 s" in errors.pop()
        assert time.monotonic() - began < PATIENCE_SECONDS


def test_an_answer_that_never_ends_is_not_listened_to(ann: User, receiver: Receiver) -> None:
    receiver.drips = True
    receiver.statuses = [200, 400]
    job_id = ann.upload(VIDEO, webhook_url=receiver.url)["job_id"]
    log = log_of(ann, job_id, ended(*ENDS))
    assert [(one["status"], one["num_attempts"]) for one in log] == [("delivered", 1), ("failed", 1)]
    assert log[1]["attempts"][0]["excerpt"].startswith("nox")


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/hook", "http://127.0.0.2/hook", "http://[::1]/", "https://a:b@x.com/"]
)
def test_a_receiver_that_may_not_be_reached_is_refused_at_once(ann: User, url: str) -> None:
    source = {"video_url": "https://example.com/a.mp4", **RIGHTS}
    before = ann.get("/api/v1/jobs")["total"]
    assert ann.post("/api/v1/jobs", {**source, "webhook_url": url}, 422)["code"] == "option"
    batch = {"videos": [{"video_url": source["video_url"]}], "webhook_url": url, **RIGHTS}
    assert ann.post("/api/v1/jobs/batch", batch, 422)["code"] == "option"
    assert ann.upload(VIDEO, status=422, webhook_url=url)["code"] == "option"
    assert ann.post("/process_video_http", {"video": "AAAA", "webhook_url": url, **RIGHTS}, 422)["code"] == "option"
    assert ann.get("/api/v1/jobs")["total"] == before


def test_a_batch_is_told_job_by_job(ann: User, receiver: Receiver) -> None:
    uploads = [ann.post("/api/v1/uploads", {}) for _ in range(2)]
    with client("") as http:
        for upload in uploads:
            http.put(upload["url"], content=VIDEO)
    videos = [{"upload_id": upload["upload_id"]} for upload in uploads]
    batch = ann.post(
        "/api/v1/jobs/batch",
        {"videos": videos, "webhook_url": receiver.url, "webhook_events": ["job.completed"], **RIGHTS},
    )
    told = [told.event["data"] for told in receiver.until(2)]
    assert {data["jobId"] for data in told} == {job["job_id"] for job in batch["jobs"]}
    assert {data["batchId"] for data in told} == {batch["batch_id"]}


def test_a_repeated_request_with_another_receiver_is_another_request(ann: User, receiver: Receiver) -> None:
    ann.upload(VIDEO, key="w1", webhook_url=receiver.url)
    assert ann.upload(VIDEO, key="w1", webhook_url=receiver.url)["status"] in ("queued", "processing", "completed")
    assert ann.upload(VIDEO, key="w1", webhook_url=receiver.url + "2", status=409)["code"] == "conflict"


# The log, replays, the secret


def test_a_replay_says_the_same_again(ann: User, receiver: Receiver) -> None:
    receiver.statuses = [404]
    wished = {"webhook_url": receiver.url, "webhook_events": '["job.completed"]'}
    job_id = ann.upload(VIDEO, **wished)["job_id"]
    (failed,) = log_of(ann, job_id, ended("job.completed"))
    again = ann.post(f"/api/v1/jobs/{job_id}/deliveries/{failed['id']}/replay", status=202)
    assert (again["id"], again["status"], again["num_replays"]) == (failed["id"], "waiting", 1)
    (delivered,) = log_of(ann, job_id, ended("job.completed"))
    assert (delivered["status"], [one["status"] for one in delivered["attempts"]]) == ("delivered", [404, 204])
    assert receiver.told[0].body == receiver.told[1].body
    ann.post(f"/api/v1/jobs/{job_id}/deliveries/{failed['id']}/replay", status=202)
    assert len(receiver.until(3)) == 3, "what was delivered may be replayed too"


def test_what_waits_is_not_replayed(ann: User, service: Running) -> None:
    with receiving() as held:
        held.held.clear()
        job_id = ann.upload(VIDEO, webhook_url=held.url)["job_id"]
        (started, *_) = log_of(ann, job_id, bool)
        path = f"/api/v1/jobs/{job_id}/deliveries/{started['id']}/replay"
        assert ann.post(path, status=409)["code"] == "conflict"
        held.held.set()
        log_of(ann, job_id, ended(*ENDS))
        other = ann.upload(VIDEO)["job_id"]
        missing = ann.post(f"/api/v1/jobs/{other}/deliveries/{started['id']}/replay", status=404)
        assert missing["code"] == "not_found", "an event belongs to its job"
        assert ann.post(path.replace("evt_", "event_"), status=422)["code"] == "invalid_request"


def test_the_log_has_pages_and_statuses(ann: User, receiver: Receiver) -> None:
    receiver.statuses = [404]
    job_id = ann.upload(VIDEO, webhook_url=receiver.url)["job_id"]
    log_of(ann, job_id, ended(*ENDS))
    path = f"/api/v1/jobs/{job_id}/deliveries"
    first = ann.get(path, params={"limit": 1})
    second = ann.get(path, params={"limit": 1, "offset": 1})
    assert (first["total"], second["total"]) == (2, 2)
    assert [first["deliveries"][0]["event"], second["deliveries"][0]["event"]] == ENDS[::-1]
    assert ann.get(path, params={"status": "failed"})["deliveries"] == second["deliveries"]
    without = ann.upload(VIDEO)["job_id"]
    assert ann.get(f"/api/v1/jobs/{without}/deliveries") == {"deliveries": [], "total": 0, "offset": 0, "limit": 20}


def test_another_owner_sees_replays_and_forges_nothing(ann: User, service: Running, receiver: Receiver) -> None:
    job_id = ann.upload(VIDEO, webhook_url=receiver.url)["job_id"]
    log = log_of(ann, job_id, ended(*ENDS))
    with service.user() as bob:
        assert bob.get(f"/api/v1/jobs/{job_id}/deliveries", 404)["code"] == "not_found"
        assert bob.post(f"/api/v1/jobs/{job_id}/deliveries/{log[0]['id']}/replay", status=404)["code"] == "not_found"
        secret = bob.post("/api/v1/webhooks/secret", {})["secret"]
    assert not receiver.told[0].is_signed_by(secret)


def test_scopes(service: Running, receiver: Receiver) -> None:
    with service.user(Scope.SUBMIT, owner="own_drop") as dropper, service.user(Scope.READ, owner="own_drop") as reader:
        job_id = dropper.upload(VIDEO, webhook_url=receiver.url)["job_id"]
        log = log_of(reader, job_id, ended(*ENDS))
        replay = f"/api/v1/jobs/{job_id}/deliveries/{log[0]['id']}/replay"
        assert dropper.get(f"/api/v1/jobs/{job_id}/deliveries", 403)["code"] == "forbidden"
        assert reader.post(replay, status=403)["code"] == "forbidden"
        for user in (dropper, reader):
            assert user.post("/api/v1/webhooks/secret", {}, 403)["code"] == "forbidden"
        dropper.post(replay, status=202)


def test_secrets_follow_one_another_with_an_overlap(ann: User, receiver: Receiver) -> None:
    first = ann.post("/api/v1/webhooks/secret", {})
    assert first["others_end_at"] is None
    second = ann.post("/api/v1/webhooks/secret", {"overlap_seconds": 3600})
    assert second["secret"] != first["secret"]
    wished = {"webhook_url": receiver.url, "webhook_events": '["job.completed"]'}
    ann.upload(VIDEO, **wished)
    assert receiver.until(1)[0].is_signed_by(second["secret"], first["secret"])
    third = ann.post("/api/v1/webhooks/secret", {"overlap_seconds": 0})
    ann.upload(VIDEO, **wished)
    told = receiver.until(2)[1]
    assert told.is_signed_by(third["secret"])
    assert ann.post("/api/v1/webhooks/secret", {"overlap_seconds": -1}, 422)["code"] == "invalid_request"


def test_nothing_of_a_secret_is_kept_or_logged(
    ann: User, service: Running, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = ann.post("/api/v1/webhooks/secret", {})["secret"]
    ann.upload(VIDEO, webhook_url=receiver.url + "?key=hush")
    receiver.until(2)
    kept = b"".join(path.read_bytes() for path in Path(service.folder).glob("*.db*"))
    assert made.encode() not in kept
    assert made.removeprefix("whsec_").encode() not in kept
    logged = "\n".join(
        record.getMessage() for record in caplog.records if not record.name.startswith("python_multipart")
    )
    assert made not in logged
    assert "hush" not in logged


def test_who_asked_for_what_is_written_down(ann: User, service: Running, receiver: Receiver) -> None:
    ann.post("/api/v1/webhooks/secret", {})
    job_id = ann.upload(VIDEO, webhook_url=receiver.url)["job_id"]
    log = log_of(ann, job_id, ended(*ENDS))
    ann.post(f"/api/v1/jobs/{job_id}/deliveries/{log[0]['id']}/replay", status=202)
    owner = service.parts.store.get(job_id).owner  # type: ignore[union-attr]
    with reading(service.parts.database) as connection:
        actions = connection.scalars(select(audit.c.action).where(audit.c.owner == owner)).all()
    assert [action for action in actions if action.startswith("webhook")] == ["webhook.secret", "webhook.replay"]


def test_figures_and_openapi_know_them(service: Running) -> None:
    with service.user(Scope.ADMIN) as admin:
        assert 'blanklogo_deliveries{status="delivered"}' in admin.get("/metrics")
        schema = admin.get("/openapi.json")
    told = schema["webhooks"]["job"]["post"]
    assert told["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/EventTold")
    assert {one["name"].lower() for one in told["parameters"]} >= {"x-webhook-signature", "x-webhook-timestamp"}
    form = schema["paths"]["/api/v1/jobs/upload"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert {"webhook_url", "webhook_events"} <= set(form["schema"]["properties"])
