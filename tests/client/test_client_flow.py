"""The client against `blanklogo serve` as a process of its own, with the pool and the real removal."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from asking_clients import RIGHTS
from cutting_proxy import proxying
from serving_process import Service, served

from blanklogo.client import Client, Job
from blanklogo.client.answers import error_of
from blanklogo.client.effects import Answer
from blanklogo.errors import TooLargeError, UnauthorizedError
from blanklogo.media.probe import probe
from blanklogo.testbed.cases import Burning, Case, make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene

OVERLAP_SECONDS = 15.0  # far longer than a command takes to end and a request to be answered
PATIENCE_SECONDS = 180.0  # for a removal of a second, on a machine that has much else to do


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    scene = Scene("walk", 160, 120, 40, seed=3)
    return make_case(scene, draw_mark("bug"), tmp_path_factory.mktemp("case"), Burning(scale=1.0, crf=20))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served") / "data"


@pytest.fixture(scope="module")
def service(data: Path) -> Iterator[Service]:
    with served(data) as service:
        assert service.url
        yield service
        assert service.stop() == 0
        assert not [line for line in service.lines if "Traceback" in line]


def blanklogo(*words: str | Path, service: Service | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command, as another process runs it."""
    known = {"BLANKLOGO_URL": service.url, "BLANKLOGO_TOKEN": service.token} if service else {}
    return subprocess.run(
        [sys.executable, "-m", "blanklogo", *map(str, words)],
        env=os.environ | known | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_a_worker_submits_and_another_process_polls_and_fetches(service: Service, case: Case, tmp_path: Path) -> None:
    """The flow of the guide: health; submit, by one process; poll, download and compare, by another."""
    box = case.places[0].box
    place = f"{box.x0},{box.y0},{box.width},{box.height}"
    done = blanklogo("jobs", "submit", case.marked, "--rights-confirmed", "--box", place, "--json", service=service)
    assert done.returncode == 0, done.stderr
    *progress, result = map(json.loads, done.stdout.splitlines())
    assert {one["stage"] for one in progress} == {"upload"}
    job_id = result["job"]["job_id"]
    with Client(service.url, service.token) as client:
        assert client.health().status == "healthy"
        job = client.get(job_id)
        end = time.monotonic() + PATIENCE_SECONDS
        while not job.is_over and time.monotonic() < end:
            time.sleep(0.2)
            job = client.get(job_id)
        assert job.checked().report.tracks[0].found_by == "box"
        target = client.download(job_id, tmp_path)
        assert client.readiness().is_ready
    assert hashlib.sha256(target.read_bytes()).hexdigest() == job.result.sha256
    assert target.name == "marked.clean.mp4"
    assert probe(target).video.width == 160


def test_bytes_in_bytes_out(service: Service, case: Case, tmp_path: Path) -> None:
    video = case.marked.read_bytes()
    with Client(service.url, service.token) as client:
        done = client.process_video(video, mode="auto", platform="tiktok", **RIGHTS)
        assert client.get(done.job_id).status == "completed"
    clean, stats = done
    (tmp_path / "clean.mp4").write_bytes(clean)
    assert probe(tmp_path / "clean.mp4").video.width == 160
    assert (stats["frames_processed"], stats["platform"]) == (40, "tiktok")


def test_a_body_that_is_too_large_is_told_where_to_go(service: Service) -> None:
    """The service's own 413, to a body that it has not read, as the client understands it."""
    url = urlsplit(service.url)
    head = (
        f"POST /process_video_http HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: Bearer {service.token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 60000000\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((url.hostname, url.port), timeout=30) as line:
        line.sendall(head.encode())
        said = b"".join(iter(lambda: line.recv(65536), b""))
    top, _, body = said.partition(b"\r\n\r\n")
    status, *lines = top.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    error = error_of(Answer(int(status.split()[1]), headers, body))
    assert isinstance(error, TooLargeError)
    assert "/api/v1/jobs/upload" in error.hint
    assert error.code == "too_large"


def test_a_token_is_rotated_without_downtime(service: Service, data: Path) -> None:
    def token(*words: str) -> str:
        done = blanklogo("token", *words, "--database", f"sqlite:///{data / 'service.db'}")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    old = token("new", "--name", "a worker")
    with Client(service.url, old) as before:
        made = before.list().num_total
        new = token("rotate", old.partition(":")[0], "--overlap", f"{OVERLAP_SECONDS:g}s")
        ends = time.monotonic() + OVERLAP_SECONDS  # at the latest: it began within the command
        assert before.list().num_total == made
        with Client(service.url, new) as after:
            assert after.list().num_total == made
            time.sleep(max(ends + 0.5 - time.monotonic(), 0))
            with pytest.raises(UnauthorizedError) as caught:
                before.list()
            assert after.list().num_total == made
    assert caught.value.code == "unauthorized"
    assert old.partition(":")[2] not in str(caught.value)


def test_a_wait_goes_on_though_the_service_is_killed_and_started_again(case: Case, tmp_path: Path) -> None:
    data, heard = tmp_path / "data", []
    with proxying() as proxy, ThreadPoolExecutor(1) as threads:
        with served(data) as first:
            proxy.port, token = port(first), first.token
            with Client(proxy.address, token) as client:
                job = client.submit(case.marked, **RIGHTS, boxes=[case.places[0].box])
            waiting = threads.submit(wait, proxy.address, token, job.id, heard)
            end = time.monotonic() + PATIENCE_SECONDS
            while not any(job.status == "processing" for job in heard) and time.monotonic() < end:
                time.sleep(0.02)
            first.kill()
        with served(data) as second:
            proxy.port = port(second)
            assert waiting.result(PATIENCE_SECONDS).status == "completed"
            with Client(proxy.address, token) as client:
                assert client.list().num_total == 1
                assert client.download(job.id, tmp_path).stat().st_size > 0
            assert second.stop() == 0


def wait(url: str, token: str, job_id: str, heard: list[Job]) -> Job:
    with Client(url, token) as client:
        return client.wait(job_id, on_progress=heard.append, timeout_seconds=PATIENCE_SECONDS)


def port(service: Service) -> int:
    return int(service.url.rpartition(":")[2])
