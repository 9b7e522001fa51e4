"""The command `blanklogo serve` as a process of its own, with the pool and the real removal."""

from __future__ import annotations

import base64
import hashlib
import re
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from postgres import Cluster
from running import User, client
from serving_process import gone, served

from blanklogo.media.probe import probe
from blanklogo.testbed.cases import Burning, Case, make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene

GONE_SECONDS = 20.0


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    scene = Scene("walk", 160, 120, 40, seed=3)
    return make_case(scene, draw_mark("bug"), tmp_path_factory.mktemp("case"), Burning(scale=1.0, crf=20))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def fields_of(case: Case) -> dict[str, str]:
    return {"boxes": str([case.places[0].box.as_list()])}


def holds_one_result(data: Path) -> bool:
    """Whether the storage comes to hold that and nothing else; a run tidies up after it has told its end."""
    end = time.monotonic() + GONE_SECONDS
    while (found := _artifacts(data)) != ["own_N/job_N/N/output.mp4"] and time.monotonic() < end:
        time.sleep(0.05)
    return found == ["own_N/job_N/N/output.mp4"]


def _artifacts(data: Path) -> list[str]:
    """What the storage holds, ids replaced."""
    root = data / "storage"
    names = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return sorted(re.sub(r"(?<![a-z])[0-9a-f]{8,12}", "N", name) for name in names)


def test_the_quick_start(data: Path, case: Case) -> None:
    """Serve, send a video, wait, fetch what came of it; then stop."""
    with served(data) as service, client(service.url, service.token) as http:
        user = User(http)
        assert user.get("/readyz") == {"database": "ok", "storage": "ok", "engine": "ok", "orchestrators": 1}
        job = user.over(user.upload(case.marked.read_bytes(), "clip.mp4", **fields_of(case))["job_id"])
        assert job["status"] == "completed", job
        assert job["report"]["tracks"][0]["found_by"] == "box"
        download = user.get(f"/api/v1/jobs/{job['job_id']}/download")
        got = http.get(download["download_url"]).content
        assert hashlib.sha256(got).hexdigest() == download["sha256"] != hashlib.sha256(case.marked.read_bytes())
        result = data / download["filename"]
        result.write_bytes(got)
        assert probe(result).video.width == 160
        assert holds_one_result(data)
        family = service.family()
        assert service.stop() == 0
        assert gone(family, GONE_SECONDS), "no worker outlives the service"
        assert not [line for line in service.lines if "Traceback" in line]


def test_a_token_is_printed_once(data: Path) -> None:
    with served(data) as service:
        secret = service.token
        assert service.url
        service.stop()
    with served(data) as service, client(service.url, secret) as http:
        assert User(http).get("/api/v1/jobs")["total"] == 0
        assert not [line for line in service.lines if "tok_" in line]


@pytest.mark.parametrize(("percent", "end"), [(0, "kill"), (5, "kill"), (30, "kill"), (30, "stop")])
def test_a_job_is_done_once_though_the_service_ends_before(data: Path, case: Case, percent: int, end: str) -> None:
    with served(data) as service, client(service.url, service.token) as http:
        token = service.token
        user = User(http)
        job_id = user.upload(case.marked.read_bytes(), **fields_of(case))["job_id"]
        user.until(job_id, lambda job: job["progress"] >= percent)
        family = service.family()
        getattr(service, end)()
    assert gone(family, GONE_SECONDS), "its workers end with it"
    with served(data) as service, client(service.url, token) as http:
        user = User(http)
        job = user.over(job_id)
        assert (job["status"], job["attempts"]) == ("completed", 1), job
        assert user.get("/api/v1/jobs")["total"] == 1
        download = user.get(f"/api/v1/jobs/{job_id}/download")
        got = http.get(download["download_url"]).content
        assert hashlib.sha256(got).hexdigest() == download["sha256"]
        assert holds_one_result(data), "and nothing is left of the try before"
        service.stop()


def test_who_waits_for_a_result_is_told_when_the_service_stops(data: Path, tmp_path: Path) -> None:
    long = make_case(Scene("walk", 640, 360, 250, seed=3), draw_mark("bug"), tmp_path / "long")
    video = base64.b64encode(long.marked.read_bytes()).decode("ascii")
    asked = {"video": video, "rights_confirmed": True, "boxes": [long.places[0].box.as_list()]}
    with (
        served(data) as service,
        client(service.url, service.token) as http,
        ThreadPoolExecutor(1) as pool,
    ):
        waiting = pool.submit(http.post, "/process_video_http", json=asked, timeout=60)
        end = time.monotonic() + GONE_SECONDS
        while not (jobs := User(http).get("/api/v1/jobs")["jobs"]) or jobs[0]["status"] == "queued":
            assert time.monotonic() < end
            time.sleep(0.05)
        assert service.stop() == 0
        answer = waiting.result()
        assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
        assert jobs[0]["job_id"] in answer.json()["detail"]
        assert not [line for line in service.lines if "Traceback" in line]


def test_postgresql_by_one_setting(data: Path, case: Case, postgres: Cluster) -> None:
    url = postgres.new_database()
    with served(data, BLANKLOGO_SERVICE_DATABASE=url) as service, client(service.url, service.token) as http:
        token = service.token
        job_id = User(http).upload(case.marked.read_bytes(), **fields_of(case))["job_id"]
        User(http).until(job_id, lambda job: job["progress"] >= 30)
        service.kill()
    soon = {"BLANKLOGO_SERVICE_LEASE_SECONDS": "2"}
    with served(data, BLANKLOGO_SERVICE_DATABASE=url, **soon) as service, client(service.url, token) as http:
        assert User(http).over(job_id)["status"] == "completed"
        assert holds_one_result(data)
        assert not list(data.glob("*.db")), "and no SQLite beside it"
        service.stop()


def test_a_worker_that_is_killed_costs_one_attempt(data: Path, case: Case) -> None:
    with served(data) as service, client(service.url, service.token) as http:
        user = User(http)
        job_id = user.upload(case.marked.read_bytes(), **fields_of(case))["job_id"]
        user.until(job_id, lambda job: job["progress"] >= 30)
        for pid in service.family() - {service.process.pid}:
            subprocess.run(["kill", "-9", str(pid)], check=False)
        job = user.over(job_id)
        assert job["status"] == "completed"
        assert holds_one_result(data)
        service.stop()


def test_what_is_no_video_fails_alone(data: Path, case: Case) -> None:
    with served(data) as service, client(service.url, service.token) as http:
        user = User(http)
        bad = user.upload(b"\0\0\0\x18ftypmp42" + bytes(2000), "bad.mp4")["job_id"]
        good = user.upload(case.marked.read_bytes(), **fields_of(case))["job_id"]
        failed = user.over(bad)
        assert (failed["status"], failed["attempts"]) == ("failed", 1)
        assert str(data) not in str(failed)
        assert "/tmp" not in str(failed), "paths of this machine are nobody's business"
        assert user.over(good)["status"] == "completed"
        service.stop()


def test_a_folder_for_temporary_files_that_is_full_is_told(data: Path) -> None:
    """As a disk that is full: no file may grow over a limit, which the rest of the service is far from."""
    resource = pytest.importorskip("resource")
    if not hasattr(resource, "prlimit"):
        pytest.skip("needs Linux's prlimit")
    with served(data) as service, client(service.url, service.token) as http:
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (8_000_000, 8_000_000))
        refused = User(http).upload(bytes(12_000_000), status=507)
        assert (refused["code"], refused["title"]) == ("write", "Insufficient Storage")
        assert tempfile.gettempdir() not in str(refused), "paths of this machine are nobody's business"
        User(http).upload(bytes(1_000_000))
        service.stop()


def test_whether_one_does_jobs_here_is_told_by_an_exit_code(data: Path) -> None:
    command = [sys.executable, "-m", "blanklogo", "worker", "--check", "--data", str(data)]

    def code() -> int:
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode

    assert code() == 1, "nor is there a database yet"
    with served(data) as service:
        assert service.name
        assert code() == 0
        service.stop()
    assert code() == 1


def refused(*arguments: str) -> str:
    """What the command says as it fails."""
    command = [sys.executable, "-m", "blanklogo", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    return done.stderr


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_sqlite_is_for_one_process_and_a_second_one_is_told(data: Path, command: str) -> None:
    with served(data) as service:
        assert service.url
        told = refused(command, "--data", str(data))
        assert "another process serves" in told
        assert "PostgreSQL for several" in told
        assert "Traceback" not in told
        service.kill()
    with served(data) as service:
        assert service.name, "a kill lets go of the lock"
        service.stop()


def test_a_port_that_is_taken_is_an_error_in_words(data: Path) -> None:
    with served(data) as service:
        port = service.url.rpartition(":")[2]
        done = refused("serve", "--port", port, "--data", str(data.with_name("other")))
        assert f"port {port} cannot be listened on" in done
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(60) == 0
