"""The service from an upload to the end of a result's time, with its files in an object store, not on its disk."""

from __future__ import annotations

import base64
import hashlib
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from clouds import CLOUDS, Cloud, Server
from running import PATIENCE_SECONDS, Running, User, client, running
from serving_process import served
from sqlalchemy import update

from blanklogo.engines.open import open_engine
from blanklogo.service.database import writing
from blanklogo.service.jobs.table import jobs, uploads
from blanklogo.service.routes.resumable import PATH
from blanklogo.testbed.cases import Burning, make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene
from blanklogo.testbed.scoring import score

VIDEO = random.Random(5).randbytes(9_500_000)  # two parts of 8 MiB, of a multipart upload and of tus
RIGHTS = {"rights_confirmed": True}
TUS = {"Tus-Resumable": "1.0.0"}
BETTER_DB = 10.0  # what a removal brings inside this mark; measured: 15


@pytest.fixture(scope="module", params=CLOUDS)
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    serve: Server = request.param
    with serve() as cloud, pytest.MonkeyPatch.context() as patch:
        cloud.settings(patch)
        # for the workers of this machine
        patch.setenv("BLANKLOGO_ALLOWED_HOSTS", urlsplit(cloud.container).hostname or "")
        yield cloud


@pytest.fixture(scope="module")
def service(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with (
        open_engine("inline", workload="service_workloads:Copier") as engine,
        running(tmp_path_factory.mktemp("service"), engine, storage=f"{cloud.url}/videos", max_input_mb=10) as service,
    ):
        yield service


def by_form(user: User) -> str:
    return user.upload(VIDEO, "holiday.mov", fresh="true")["job_id"]


def by_signed_put(user: User) -> str:
    upload = user.post("/api/v1/uploads", {"filename": "holiday.mov"})
    with client("") as http:
        http.put(upload["url"], content=VIDEO, headers=upload["headers"]).raise_for_status()
    return job_of(user, upload["upload_id"])


def by_tus(user: User) -> str:
    name = f"filename {base64.b64encode(b'holiday.mov').decode()}"
    headers = {**TUS, "Upload-Length": str(len(VIDEO)), "Upload-Metadata": name}
    path = user.http.post(PATH, headers=headers).raise_for_status().headers["Location"]
    offset = 0
    for piece in (VIDEO[:1_000_000], VIDEO[1_000_000:]):
        told = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        answer = user.http.patch(path, content=piece, headers=told).raise_for_status()
        offset = int(answer.headers["Upload-Offset"])
    assert offset == len(VIDEO)
    return job_of(user, path.rpartition("/")[2])


def job_of(user: User, upload_id: str) -> str:
    return user.post("/api/v1/jobs", {"upload_id": upload_id, "fresh": True, **RIGHTS})["job_id"]


def keys_of(cloud: Cloud, owner: str, is_it: Callable[[list[str]], bool]) -> list[str]:
    """An owner's objects in the bucket, as soon as it is so: a run tidies up after it has told its end."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_it(keys := cloud.keys_under(f"videos/{owner}/")):
        assert time.monotonic() < end, keys
        time.sleep(0.05)
    return keys


def over_in_time(service: Running, owner: str) -> None:
    """Puts an owner's things past their end, and has the service do what it does from time to time."""
    with writing(service.parts.database) as connection:
        connection.execute(update(jobs).where(jobs.c.owner == owner).values(expires_seconds=1))
        connection.execute(update(uploads).where(uploads.c.owner == owner).values(expires_seconds=1))
    assert service.parts.orchestrator is not None
    service.parts.orchestrator.tending.once()


@pytest.mark.parametrize("way", [by_form, by_signed_put, by_tus])
def test_a_video_comes_goes_through_and_its_time_ends(
    cloud: Cloud, service: Running, way: Callable[[User], str]
) -> None:
    owner = f"own_{way.__name__}"
    with service.user(owner=owner) as user:
        job_id = way(user)
        assert user.over(job_id)["status"] == "completed"
        download = user.get(f"/api/v1/jobs/{job_id}/download")
        assert download["download_url"].startswith(f"{cloud.container}/videos/{owner}/{job_id}/")
        assert (download["size_bytes"], download["filename"]) == (len(VIDEO), "holiday.clean.mov")
        with client("") as http:
            got = http.get(download["download_url"]).raise_for_status().content
            part = http.get(download["download_url"], headers={"Range": "bytes=8388600-8388619"})
        assert got == VIDEO
        assert hashlib.sha256(got).hexdigest() == download["sha256"]
        assert (part.status_code, part.content) == (206, VIDEO[8388600:8388620])
        (kept,) = keys_of(cloud, owner, lambda keys: len(keys) == 1)
        assert kept.endswith("/output.mov"), "the input is gone with the job's end"
        over_in_time(service, owner)
        assert keys_of(cloud, owner, lambda keys: True) == []
        assert user.get(f"/api/v1/jobs/{job_id}/download", 404)["code"] == "not_found"
        with client("") as http:
            assert http.get(download["download_url"]).status_code == 404
    assert cloud.num_begun() == 0


def test_a_result_that_is_there_is_copied_by_the_store(cloud: Cloud, service: Running) -> None:
    with service.user(owner="own_again") as user:
        first = user.upload(VIDEO)["job_id"]
        user.over(first)
        second = user.upload(VIDEO)
        assert second["status"] == "completed"
        assert user.get(f"/api/v1/jobs/{second['job_id']}")["from_cache"] == first
        with client("") as http:
            assert http.get(user.get(f"/api/v1/jobs/{second['job_id']}/download")["download_url"]).content == VIDEO
        over_in_time(service, "own_again")
        assert keys_of(cloud, "own_again", lambda keys: True) == []


def test_a_file_over_the_limit_is_not_worked_on(cloud: Cloud, service: Running) -> None:
    with service.user(owner="own_large") as user:
        upload = user.post("/api/v1/uploads", {})
        assert upload["max_bytes"] == 10_000_000
        with client("") as http:  # a store's own URL has no room for the limit
            http.put(upload["url"], content=bytes(10_000_001), headers=upload["headers"]).raise_for_status()
        job = user.over(job_of(user, upload["upload_id"]))
        assert (job["status"], job["attempts"], job["error"]["error"]) == ("failed", 1, "TooLargeError")
        over_in_time(service, "own_large")
        assert keys_of(cloud, "own_large", lambda keys: True) == []


def test_uploads_that_no_job_takes_go_too(cloud: Cloud, service: Running) -> None:
    with service.user(owner="own_idle") as user:
        upload = user.post("/api/v1/uploads", {})
        with client("") as http:
            http.put(upload["url"], content=VIDEO, headers=upload["headers"]).raise_for_status()
        headers = {**TUS, "Upload-Length": str(len(VIDEO))}
        path = user.http.post(PATH, headers=headers).raise_for_status().headers["Location"]
        told = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        user.http.patch(path, content=VIDEO[:1000], headers=told).raise_for_status()
        keys_of(cloud, "own_idle", lambda keys: len(keys) == 3)
        over_in_time(service, "own_idle")
        assert keys_of(cloud, "own_idle", lambda keys: True) == []


def test_it_is_ready_and_keeps_nothing_on_its_own_disk(cloud: Cloud, service: Running) -> None:
    with client(service.url) as http:
        assert http.get("/readyz").json()["storage"] == "ok"
    assert not (service.folder / "storage").exists()
    assert cloud.keys_under("videos/readiness/") == []


def test_the_real_service_does_the_real_removal(cloud: Cloud, tmp_path: Path) -> None:
    burning = Burning(scale=1.0, crf=20)
    case = make_case(Scene("walk", 256, 144, 60, seed=1), draw_mark("bug"), tmp_path / "case", burning)
    box = [int(edge) for edge in case.places[0].box.as_list()]
    variables = {"BLANKLOGO_SERVICE_STORAGE": f"{cloud.url}/real", "BLANKLOGO_MAX_WORKERS": "1"}
    with served(tmp_path / "data", **variables) as process, client(process.url, process.token) as http:
        user = User(http)
        job = user.over(user.upload(case.marked.read_bytes(), boxes=str([box]))["job_id"])
        assert job["status"] == "completed", job["error"]
        with client("") as anyone:
            got = anyone.get(job["output"]["downloadUrl"]).raise_for_status().content
        assert process.stop() == 0
    assert hashlib.sha256(got).hexdigest() == job["output"]["sha256"]
    assert len(cloud.keys_under("real/")) == 1
    result = tmp_path / "result.mp4"
    result.write_bytes(got)
    after, before = score(case, result).psnr_inside_db, score(case, case.marked).psnr_inside_db
    assert after is not None
    assert before is not None
    assert after > before + BETTER_DB
