"""The API's contract, asked over a socket; the engine's workers copy instead of removing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import PATIENCE_SECONDS, Running, User, answered, client, running
from sqlalchemy import select, update

from blanklogo.engines.open import open_engine
from blanklogo.errors import WriteError
from blanklogo.service.database import reading, writing
from blanklogo.service.jobs.fetching import Fetcher
from blanklogo.service.jobs.intake import Caller, Wish
from blanklogo.service.jobs.table import audit, jobs, uploads
from blanklogo.service.storage.local import RESERVE_BYTES
from blanklogo.service.tokens.token import Scope
from blanklogo.transfer.guard.policy import Policy
from loopback import Files, serving

VIDEO = bytes(range(256)) * 300
RIGHTS = {"rights_confirmed": True}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("service")
    with (
        open_engine("inline", workload="service_workloads:Copier") as engine,
        running(folder, engine, Policy.allowing("localhost"), max_input_mb=1, retention_days=1) as service,
    ):
        yield service


@pytest.fixture
def server() -> Iterator[Files]:
    with serving() as files:
        files.files["/clip.mov"] = VIDEO
        yield files


def names_under(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def announced(user: User, path: str, num_bytes: int) -> str:
    """What is answered to a request that says how long its body is, and sends none of it."""
    url = user.http.base_url
    head = f"POST {path} HTTP/1.1\r\nHost: {url.host}\r\nContent-Length: {num_bytes}\r\nConnection: close\r\n\r\n"
    with socket.create_connection((url.host, url.port), timeout=30) as line:
        line.sendall(head.encode())
        return b"".join(iter(lambda: line.recv(65536), b"")).decode()


# The way through


def test_an_upload_becomes_a_job_with_a_result_to_fetch(service: Running, ann: User) -> None:
    made = ann.upload(VIDEO, "holiday.mov")
    assert re.fullmatch(r"job_[0-9a-f]{12}", made["job_id"])
    assert (made["status"], made["filename"], made["file_size"]) == ("queued", "holiday.mov", len(VIDEO))
    job = ann.over(made["job_id"])
    assert (job["status"], job["progress"], job["current_step"], job["outcome"]) == (
        "completed",
        100,
        "Complete",
        "clean",
    )
    assert job["report"]["frames_processed"] == 2
    download = ann.get(f"/api/v1/jobs/{made['job_id']}/download")
    assert download["filename"] == "holiday.clean.mov"
    with client("") as http:  # whoever has the URL needs no token
        got = http.get(download["download_url"]).content
    assert (got, hashlib.sha256(got).hexdigest()) == (VIDEO, download["sha256"])
    owner = service.parts.store.get(made["job_id"]).owner  # type: ignore[union-attr]
    end = time.monotonic() + PATIENCE_SECONDS
    while len(left := names_under(service.folder / "storage" / owner)) > 1 and time.monotonic() < end:
        time.sleep(0.05)  # a run tidies up after it has told its end
    assert [re.sub("[0-9a-f]{8,12}", "N", name) for name in left] == ["job_N/N/output.mov"], "the input is gone"


def test_a_signed_put_and_its_id_make_a_job(ann: User) -> None:
    upload = ann.post("/api/v1/uploads", {"filename": "../../clip.webm"})
    assert (upload["max_bytes"], upload["headers"]) == (1_000_000, {})
    with client("") as http:
        assert http.put(upload["url"], content=VIDEO).status_code in (200, 201, 204)
    made = ann.post("/api/v1/jobs", {"upload_id": upload["upload_id"], **RIGHTS})
    assert made["filename"] == "clip.webm"
    assert ann.over(made["job_id"])["status"] == "completed"
    again = ann.post("/api/v1/jobs", {"upload_id": upload["upload_id"], **RIGHTS}, 409)
    assert again["code"] == "conflict"


def test_an_upload_that_never_came_is_a_failure_in_words(ann: User) -> None:
    upload = ann.post("/api/v1/uploads", {})
    job = ann.over(ann.post("/api/v1/jobs", {"upload_id": upload["upload_id"], **RIGHTS})["job_id"])
    assert (job["status"], job["error"]["error"]) == ("failed", "NotFoundError")


def test_a_video_at_a_url_is_fetched_through_the_guard(ann: User, server: Files) -> None:
    url = server.address + "/clip.mov?X-Signature=hush"
    refused = ann.over(ann.post("/api/v1/jobs", {"video_url": url, **RIGHTS})["job_id"])
    assert (refused["status"], refused["error"]["error"], refused["attempts"]) == ("failed", "OptionError", 1)
    assert "hush" not in json.dumps(refused)
    assert server.asked == []


def test_a_fetch_that_would_take_the_disk_s_reserve_is_ended(
    tmp_path: Path, server: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    fetcher = Fetcher(tmp_path / "fetching" / "orch", Policy.TRUSTED)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=RESERVE_BYTES - 1))
    with (
        pytest.raises(WriteError, match="no room left"),
        fetcher.fetched(server.address + "/clip.mov", 1_000_000, lambda: False),
    ):
        pass
    assert names_under(tmp_path / "fetching") == set()


def test_a_video_at_a_url_that_the_guard_allows_is_fetched(service: Running, ann: User, server: Files) -> None:
    url = server.address.replace("127.0.0.1", "localhost") + "/clip.mov"
    job = ann.over(ann.post("/api/v1/jobs", {"video_url": url, **RIGHTS})["job_id"])
    assert (job["status"], job["input"]) == ("completed", {"filename": "clip.mov", "sizeBytes": len(VIDEO)})
    assert [path for _, path, _ in server.asked] == ["/clip.mov"]
    assert names_under(service.folder / "fetching") == set()
    gone = ann.over(ann.post("/api/v1/jobs", {"video_url": url + "x", **RIGHTS})["job_id"])
    assert (gone["error"]["error"], gone["attempts"]) == ("SourceError", 1), "a 404 stays one"
    server.files["/big.mov"] = bytes(1_000_001)
    big = ann.over(ann.post("/api/v1/jobs", {"video_url": url.replace("clip", "big"), **RIGHTS})["job_id"])
    assert (big["error"]["error"], big["attempts"]) == ("SourceError", 1)


def test_needs_review_is_told(ann: User) -> None:
    job = ann.over(ann.upload(VIDEO, platform="sora")["job_id"])
    assert (job["status"], job["outcome"]) == ("completed", "needs_review")


def test_what_the_video_is_to_blame_for_is_not_tried_again(ann: User) -> None:
    job = ann.over(ann.upload(VIDEO, platform="kling")["job_id"])
    assert (job["status"], job["attempts"], job["error"]["error"]) == ("failed", 1, "SourceError")
    assert ann.get(f"/api/v1/jobs/{job['job_id']}/download", 409)["code"] == "conflict"


def test_a_worker_that_dies_is_no_reason_to_give_up(ann: User) -> None:
    job = ann.over(ann.upload(VIDEO, platform="luma")["job_id"])
    assert (job["status"], job["attempts"]) == ("completed", 3)


def test_a_cancel_reaches_the_work(ann: User) -> None:
    job_id = ann.upload(VIDEO, platform="pika")["job_id"]
    ann.until(job_id, lambda job: job["progress"] >= 30)
    began = time.monotonic()
    ann.delete(f"/api/v1/jobs/{job_id}")
    job = ann.over(job_id)
    assert job["status"] == "cancelled"
    assert time.monotonic() - began < 5  # a second is promised
    assert ann.delete(f"/api/v1/jobs/{job_id}")["status"] == "cancelled", "twice is once"


def test_a_job_that_was_cancelled_can_be_tried_again(ann: User) -> None:
    job_id = ann.upload(VIDEO, platform="kling")["job_id"]
    ann.over(job_id)
    again = ann.post(f"/api/v1/jobs/{job_id}/retry", status=200)
    assert (again["status"], again["error"]) == ("queued", None)
    assert ann.over(job_id)["status"] == "failed"
    done = ann.upload(VIDEO)["job_id"]
    ann.over(done)
    assert ann.post(f"/api/v1/jobs/{done}/retry", status=409)["code"] == "conflict"
    assert ann.http.delete(f"/api/v1/jobs/{done}").status_code == 409


def test_a_batch_is_made_as_a_whole(ann: User) -> None:
    uploads = [ann.post("/api/v1/uploads", {}) for _ in range(3)]
    with client("") as http:
        for upload in uploads:
            http.put(upload["url"], content=VIDEO)
    videos = [{"upload_id": upload["upload_id"]} for upload in uploads]
    batch = ann.post("/api/v1/jobs/batch", {"videos": videos, **RIGHTS})
    assert batch["total"] == 3
    assert {ann.over(job["job_id"])["status"] for job in batch["jobs"]} == {"completed"}
    listed = ann.get("/api/v1/jobs", params={"batch_id": batch["batch_id"], "limit": 2})
    assert (listed["total"], len(listed["jobs"])) == (3, 2)
    assert ann.post("/api/v1/jobs/batch", {"videos": videos * 7, **RIGHTS}, 422)["code"] == "invalid_request"


def test_jobs_are_listed_by_status(ann: User) -> None:
    good, bad = (ann.upload(VIDEO, platform=platform)["job_id"] for platform in ("custom", "kling"))
    for job_id in (good, bad):
        ann.over(job_id)
    listed = ann.get("/api/v1/jobs", params={"status": "failed"})
    assert [job["job_id"] for job in listed["jobs"]] == [bad]
    both = ann.get("/api/v1/jobs", params=[("status", "failed"), ("status", "completed")])
    assert [job["job_id"] for job in both["jobs"]] == [bad, good]


def test_events_tell_how_a_job_goes_until_it_is_over(ann: User) -> None:
    job_id = ann.upload(VIDEO, platform="runway")["job_id"]
    with ann.http.stream("GET", f"/api/v1/jobs/{job_id}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        text = response.read().decode()
    names = re.findall(r"event: (\w+)", text)
    told = [json.loads(line) for line in re.findall(r"data: (.*)", text)]
    assert names[-1] == told[-1]["status"] == "completed"
    assert set(names[:-1]) == {"progress"}
    percents = [job["progress"] for job in told]
    assert percents == sorted(percents)
    assert told[-1]["report"]["verify"]["status"] == "clean"


def test_the_guides_request_answers_with_the_video(ann: User) -> None:
    body = {"video": base64.b64encode(VIDEO).decode(), "mode": "inpaint", "platform": "tiktok", **RIGHTS}
    done = ann.post("/process_video_http", body, 200)
    assert base64.b64decode(done["video"]) == VIDEO
    assert (done["stats"]["mode"], done["stats"]["platform"]) == ("inpaint", "tiktok")
    assert ann.post("/process_video_http", body | {"platform": "kling"}, 422)["code"] == "source"
    assert ann.post("/process_video_http", body | {"video": "no base64!"}, 422)["code"] == "invalid_request"


def test_a_result_is_fetched_in_parts_and_by_nobody_without_its_signature(ann: User) -> None:
    job_id = ann.upload(VIDEO)["job_id"]
    ann.over(job_id)
    url = ann.get(f"/api/v1/jobs/{job_id}/download")["download_url"]
    with client("") as http:
        part = http.get(url, headers={"Range": "bytes=100-199"})
        assert (part.status_code, part.content) == (206, VIDEO[100:200])
        assert part.headers["Content-Range"] == f"bytes 100-199/{len(VIDEO)}"
        assert http.get(url, headers={"Range": f"bytes={len(VIDEO)}-"}).status_code == 416
        head = http.head(url)
        assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(VIDEO)))
        for forged in (url[:-1] + "x", url.partition("?")[0], url.replace("output", "input")):
            assert answered(http.get(forged), 403)["code"] == "forbidden"
        assert http.put(url, content=b"x").status_code == 403


# What may be sent twice


def test_a_key_makes_one_job_of_two_requests(service: Running, ann: User) -> None:
    first, second = (ann.upload(VIDEO, key="k1") for _ in range(2))
    assert first["job_id"] == second["job_id"]
    other = ann.upload(VIDEO[:-1], key="k1", status=409)
    assert other["code"] == "conflict"
    body = {"video_url": "https://video.invalid/a.mp4", **RIGHTS}
    jobs = [ann.post("/api/v1/jobs", body, headers={"Idempotency-Key": "k2"})["job_id"] for _ in range(2)]
    assert len(set(jobs)) == 1
    batches = [
        ann.post("/api/v1/jobs/batch", {"videos": [{"video_url": "https://video.invalid/a.mp4"}], **RIGHTS}, **more)
        for more in [{"headers": {"Idempotency-Key": "k3"}}] * 2
    ]
    assert batches[0]["batch_id"] == batches[1]["batch_id"]
    assert ann.get("/api/v1/jobs")["total"] == 3


# Whose it is


def test_an_owner_keeps_what_is_theirs_when_the_token_is_rotated(service: Running, ann: User) -> None:
    job_id = ann.upload(VIDEO)["job_id"]
    owner = service.parts.store.get(job_id).owner  # type: ignore[union-attr]
    with service.user(Scope.READ, owner=owner) as later:
        assert later.get(f"/api/v1/jobs/{job_id}")["job_id"] == job_id
        assert later.upload(VIDEO, status=403)["code"] == "forbidden"


def test_without_a_token_every_route_but_health_is_401(service: Running) -> None:
    with client(service.url) as http:
        schema = http.get("/openapi.json").json()
        for path, item in schema["paths"].items():
            for method in item:
                response = http.request(method, path.replace("{job_id}", "job_000000000000"))
                if path in ("/health", "/readyz"):
                    assert response.status_code == 200, path
                else:
                    assert answered(response, 401)["code"] == "unauthorized", path
                    assert "Bearer" in response.headers["WWW-Authenticate"]


def test_figures_are_for_an_admin(service: Running, ann: User) -> None:
    assert ann.get("/metrics", 403)["code"] == "forbidden"
    with service.user(Scope.ADMIN) as admin:
        text = admin.get("/metrics")
    assert 'blanklogo_jobs{status="completed"}' in text
    assert "blanklogo_workers_started 1.0" in text
    assert "blanklogo_workers_renewed 0.0" in text
    assert "job_0" not in text


# What does not fit


@pytest.mark.parametrize(
    "body",
    [
        {"video_url": "https://example.com/a.mp4"},
        {"video_url": "https://example.com/a.mp4", "rights_confirmed": False},
        {"video_url": "file:///etc/passwd", **RIGHTS},
        {"video_url": "https://example.com/a.mp4", "upload_id": "upload_000000000000", **RIGHTS},
        {"video_url": "https://example.com/a.mp4", "webhook_url": "ftp://example.com", **RIGHTS},
        {"video_url": "https://example.com/a.mp4", "webhook_events": ["job.failed"], **RIGHTS},
        {"video_url": "https://example.com/a.mp4", "surprise": 1, **RIGHTS},
        {"video_url": "https://example.com/a.mp4", "boxes": [[5, 5, 5, 9]], **RIGHTS},
        {"video_url": "https://example.com/a.mp4", "from": 5, "to": 4, **RIGHTS},
        {"video_url": "https://example.com/a.mp4", "platform": "nowhere", **RIGHTS},
        {"video_url": "https://example.com/a.mp4", "metadata": {"a": "x" * 5000}, **RIGHTS},
        {**RIGHTS},
        [],
    ],
)
def test_a_body_that_does_not_fit_is_told_what_does_not(ann: User, body: object) -> None:
    problem = ann.post("/api/v1/jobs", body, 422)
    assert problem["code"] == "invalid_request"
    assert problem["errors"]
    assert re.fullmatch(r"req_[0-9a-f]{16}", problem["request_id"])


def test_a_body_over_its_limit_is_refused_before_it_is_read(ann: User) -> None:
    answer = announced(ann, "/process_video_http", 60_000_000)
    assert answer.startswith("HTTP/1.1 413")
    assert '"code":"too_large"' in answer
    assert "/api/v1/jobs/upload" in answer
    assert ann.upload(bytes(2_100_000), status=413)["code"] == "too_large"
    big, kind = (b"[" + b" " * 600_000 for _ in range(3)), {"Content-Type": "application/json"}
    chunked = answered(ann.http.post("/api/v1/jobs", content=big, headers=kind), 413)
    assert (chunked["code"], chunked["detail"]) == ("too_large", "a body over its limit; accepted: up to 1 MB")


def test_a_file_over_the_limit_leaves_nothing(service: Running) -> None:
    with service.user(owner="own_large") as user:
        assert user.upload(bytes(1_500_000), status=413)["code"] == "too_large"
    assert names_under(service.folder / "storage" / "own_large") == set()


def test_what_there_is_not_is_a_problem_too(ann: User) -> None:
    assert ann.get("/api/v1/nothing", 404)["code"] == "not_found"
    assert answered(ann.http.put("/api/v1/jobs", json={}), 405)["code"] == "method_not_allowed"
    assert ann.get("/api/v1/jobs/..%2f..%2fetc", 404)["code"] == "not_found"
    assert ann.get("/api/v1/jobs/job_1", 422)["code"] == "invalid_request"


# The rest


def test_the_platforms_are_those_of_the_contract(ann: User) -> None:
    pixels = {platform["id"]: platform["default_crop_pixels"] for platform in ann.get("/api/v1/platforms")}
    assert pixels == {
        "sora": 100, "tiktok": 80, "runway": 60, "pika": 50, "kling": 70,
        "luma": 55, "midjourney": 40, "instagram": 0, "facebook": 0, "custom": 100,
    }  # fmt: skip


def test_an_estimate_is_made_of_figures(ann: User) -> None:
    told = ann.post("/api/v1/estimate", {"width": 1280, "height": 720, "num_frames": 300}, 200)
    assert told["lines"][0]["run_seconds"] > 0
    assert {line["provider"] for line in told["lines"]} > {"modal"}


def test_health_is_for_anyone_and_readiness_really_asks(service: Running) -> None:
    with client(service.url) as http:
        assert http.get("/health").json()["status"] == "healthy"
        assert http.get("/healthz").status_code == 200
        assert http.get("/readyz").json() == {"database": "ok", "storage": "ok", "engine": "ok", "orchestrators": 1}


def test_an_answer_names_its_request(ann: User) -> None:
    assert ann.http.get("/health", headers={"X-Request-ID": "mine-1"}).headers["X-Request-ID"] == "mine-1"
    assert ann.http.get("/health", headers={"X-Request-ID": "a b"}).headers["X-Request-ID"].startswith("req_")


# What goes on without anybody asking


def test_a_job_whose_process_died_before_it_was_begun_is_taken_up(service: Running) -> None:
    with service.user(owner="own_orphan") as user:
        url = "https://video.invalid/a.mp4"
        wish = Wish({}, video_url=url, name="a.mp4")
        job = service.parts.intake.create(Caller("own_orphan", "tok_0", "req_0"), [wish]).jobs[0]
        service.parts.orchestrator.tending.once(quiet_seconds=0)
        assert user.over(job.id)["status"] == "failed", "there is no such host, and that was found out"


def test_a_run_that_ended_without_a_word_has_failed(service: Running) -> None:
    with service.user(owner="own_silent") as user:
        job_id = user.upload(VIDEO)["job_id"]
        user.over(job_id)
        with writing(service.parts.database) as connection:  # as if the last write had been lost
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(state="processing", updated_seconds=0))
        end = time.monotonic() + PATIENCE_SECONDS
        while (job := user.get(f"/api/v1/jobs/{job_id}"))["status"] == "processing" and time.monotonic() < end:
            service.parts.orchestrator.tending.once()
        assert (job["status"], job["error"]["error"]) == ("failed", "ProcessingError")


def test_files_go_when_their_time_is_over(service: Running) -> None:
    with service.user(owner="own_old") as user:
        job_id = user.upload(VIDEO)["job_id"]
        user.over(job_id)
        upload = user.post("/api/v1/uploads", {})
        with client("") as http:
            http.put(upload["url"], content=VIDEO)
        with writing(service.parts.database) as connection:
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(expires_seconds=1))
            connection.execute(update(uploads).where(uploads.c.owner == "own_old").values(expires_seconds=1))
        service.parts.orchestrator.tending.once()
        assert names_under(service.folder / "storage" / "own_old") == set()
        assert user.get(f"/api/v1/jobs/{job_id}")["status"] == "completed"
        assert user.get(f"/api/v1/jobs/{job_id}/download", 404)["code"] == "not_found"
        assert user.post(f"/api/v1/jobs/{job_id}/retry", status=409)["code"] == "conflict"
        user.post("/api/v1/jobs", {"upload_id": upload["upload_id"], **RIGHTS}, 422)


def test_who_confirmed_the_rights_is_written_down(service: Running, ann: User) -> None:
    job_id = ann.upload(VIDEO)["job_id"]
    with reading(service.parts.database) as connection:
        row = connection.execute(select(audit).where(audit.c.subject == job_id)).one()
    assert (row.action, json.loads(row.details)["rights_confirmed"]) == ("job.create", True)
    assert row.token_id.startswith("tok_")
    assert row.request_id.startswith("req_")


@pytest.mark.parametrize("path", ["/api/v1/jobs/upload", "/api/v1/jobs", "/process_video_http"])
def test_who_goes_away_in_the_middle_of_a_body_is_no_fault(
    service: Running, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    def answered_so_far() -> dict[str, float]:
        with service.user(Scope.ADMIN) as admin:
            text = admin.get("/metrics")
        found = re.findall(rf'^blanklogo_requests_total\{{.*path="{path}",status="(\d+)"\}} (\S+)', text, re.MULTILINE)
        return {status: float(number) for status, number in found}

    before = answered_so_far()
    kind = "multipart/form-data; boundary=x" if path.endswith("upload") else "application/json"
    begun = b'--x\r\nContent-Disposition: form-data; name="video"; filename="a.mp4"\r\n\r\n' if "form" in kind else b"{"
    with service.user() as ann, socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2]))) as line:
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: {ann.http.headers['authorization']}\r\n"
        line.sendall(head.encode() + f"Content-Type: {kind}\r\nContent-Length: 9999\r\n\r\n".encode() + begun)
        time.sleep(0.3)
    end = time.monotonic() + PATIENCE_SECONDS
    while answered_so_far() == before and time.monotonic() < end:
        time.sleep(0.05)
    more = {status for status, number in answered_so_far().items() if number > before.get(status, 0)}
    assert more <= {"400", "499"}
    assert more
    assert [one for one in caplog.records if one.levelname == "ERROR"] == []
