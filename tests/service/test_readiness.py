"""Whether a service can work, asked while it works, and by many at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from running import PATIENCE_SECONDS, Running, client, running

from blanklogo.engines.base import Engine
from blanklogo.engines.open import open_engine
from blanklogo.engines.spec import EngineSpec

AT_ONCE_SECONDS = 5.0  # a worker that does not answer is waited for a minute
LOADING = threading.Event()


class LoadsLong:
    """A workload that is loaded when the test says so."""

    def load(self) -> None:
        LOADING.wait(60)

    def run(self, order: object, cancelled: object) -> Iterator[dict[str, object]]:
        del order, cancelled
        yield {"type": "result"}

    def close(self) -> None:
        pass


@pytest.fixture
def engine() -> Iterator[Engine]:
    with open_engine("inline", EngineSpec(max_workers=1), "service_workloads:Copier") as engine:
        yield engine


@pytest.fixture
def service(tmp_path: Path, engine: Engine) -> Iterator[Running]:
    with running(tmp_path, engine) as service:
        yield service


def readiness(service: Running) -> tuple[str, float]:
    """What /readyz says of the engine, and how long it took."""
    began = time.monotonic()
    with client(service.url) as http:
        told = http.get("/readyz").json()["engine"]
    return told, time.monotonic() - began


def test_a_service_whose_workers_are_all_busy_is_ready(service: Running, engine: Engine) -> None:
    with service.user() as user:
        job_id = user.upload(b"a video", platform="pika")["job_id"]
        user.until(job_id, lambda job: engine.stats.num_busy == 1)
        told, seconds = readiness(service)
        user.delete(f"/api/v1/jobs/{job_id}")
    assert told == "ok"
    assert seconds < AT_ONCE_SECONDS


def test_who_asks_while_a_worker_is_asked_is_answered_at_once(tmp_path: Path) -> None:
    LOADING.clear()
    with (
        open_engine("inline", EngineSpec(max_workers=1), "test_readiness:LoadsLong") as engine,
        running(tmp_path, engine) as service,
        ThreadPoolExecutor(50) as pool,
    ):
        first = pool.submit(readiness, service)
        end = time.monotonic() + PATIENCE_SECONDS
        while not engine.stats.num_workers and time.monotonic() < end:
            time.sleep(0.01)
        others = [pool.submit(readiness, service).result() for _ in range(3)]
        crowd = [one.result() for one in [pool.submit(readiness, service) for _ in range(45)]]
        assert not first.done()
        assert {told for told, _ in others + crowd} == {"unavailable"}, "no worker has answered yet"
        assert max(seconds for _, seconds in others + crowd) < AT_ONCE_SECONDS
        LOADING.set()
        assert first.result()[0] == "ok"
        assert readiness(service)[0] == "ok"


def test_a_worker_that_cannot_load_fails_a_job_at_once(tmp_path: Path) -> None:
    """It would be the same with every worker, and each try takes a place from other jobs."""
    with (
        open_engine("inline", workload="service_workloads:Unloadable") as engine,
        running(tmp_path, engine) as service,
        service.user() as user,
    ):
        job = user.over(user.upload(b"a video")["job_id"])
    assert (job["status"], job["attempts"], job["error"]["error"]) == ("failed", 1, "LoadError")
