"""`blanklogo serve --no-jobs` and `blanklogo worker` on one PostgreSQL, and what becomes of jobs when one goes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from postgres import Cluster
from running import PATIENCE_SECONDS, User, client
from serving_process import WORKER, Service, gone, served

from blanklogo.service.jobs.durable import Runs
from blanklogo.testbed.cases import Burning, Case, make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene

LEASE_SECONDS = 4.0
GONE_SECONDS = 20.0


@dataclass
class Site:
    """An API process without jobs, and as many workers as a test starts."""

    user: User
    data: Path
    runs: Runs
    variables: dict[str, str]
    stack: ExitStack

    def worker(self) -> Service:
        """Another one, as soon as it takes up jobs."""
        worker = self.stack.enter_context(served(self.data, WORKER, **self.variables))
        assert worker.name
        return worker

    def holder(self, job_id: str, workers: list[Service]) -> Service:
        """The one that has the job."""
        name = self.runs.under_way()[f"{job_id}.1"]
        return next(worker for worker in workers if worker.name == name)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return make_case(Scene("walk", 160, 120, 40, seed=3), draw_mark("bug"), tmp_path, Burning(scale=1.0, crf=20))


@pytest.fixture
def site(tmp_path: Path, postgres: Cluster) -> Iterator[Site]:
    data, database = tmp_path / "data", postgres.new_database()
    variables = {
        "BLANKLOGO_SERVICE_DATABASE": database,
        "BLANKLOGO_SERVICE_LEASE_SECONDS": f"{LEASE_SECONDS:g}",
        "BLANKLOGO_SERVICE_JOBS_OF_OWNER": "1",
        "BLANKLOGO_SERVICE_RATE_PER_SECOND": "0",  # a test asks as often as it can
    }
    with ExitStack() as stack:
        api = stack.enter_context(served(data, ("serve", "--no-jobs", "--port", "0"), **variables))
        http = stack.enter_context(client(api.url, api.token))
        runs = Runs(database.replace("postgresql:", "postgresql+psycopg:"))
        stack.callback(runs.close)
        told = variables | {"BLANKLOGO_SERVICE_PUBLIC_URL": api.url}
        yield Site(User(http), data, runs, told, stack)
        assert api.stop() == 0


def submitted(site: Site, case: Case) -> str:
    fields = {"boxes": str([case.places[0].box.as_list()]), "fresh": "true"}  # the same video, but work to be done
    return site.user.upload(case.marked.read_bytes(), **fields)["job_id"]


def under_way(site: Site, job_id: str) -> Any:
    return site.user.until(job_id, lambda job: job["progress"] >= 30)


def results(site: Site, num_wanted: int) -> list[str]:
    """What the storage comes to hold; a run tidies up after it has told its end."""
    end = time.monotonic() + GONE_SECONDS
    while True:
        found = [path.name for path in (site.data / "storage").rglob("*") if path.is_file()]
        if len(found) == num_wanted or time.monotonic() > end:
            return found
        time.sleep(0.05)


def test_a_killed_workers_job_is_done_by_another(site: Site, case: Case) -> None:
    workers = [site.worker(), site.worker()]
    assert site.user.get("/readyz") == {"database": "ok", "storage": "ok", "orchestrators": 2}
    job_id = submitted(site, case)
    under_way(site, job_id)
    holder = site.holder(job_id, workers)
    family = holder.family()
    holder.kill()
    assert gone(family, GONE_SECONDS), "its own workers end with it"
    job = site.user.over(job_id)
    assert (job["status"], job["attempts"]) == ("completed", 1)
    assert results(site, 1) == ["output.mp4"]
    assert site.user.get("/readyz")["orchestrators"] == 1
    other = next(worker for worker in workers if worker is not holder)
    assert other.stop() == 0
    assert not [line for line in other.lines if "Traceback" in line]


def test_a_stopped_workers_job_goes_on_elsewhere_before_its_lease_is_over(site: Site, case: Case) -> None:
    site.variables["BLANKLOGO_SERVICE_LEASE_SECONDS"] = "300"  # a round of those who live is 60 s
    first = site.worker()
    job_id = submitted(site, case)
    under_way(site, job_id)
    family = first.family()
    assert first.stop() == 0
    assert gone(family, GONE_SECONDS)
    second = site.worker()
    assert site.user.over(job_id)["status"] == "completed"
    assert results(site, 1) == ["output.mp4"]
    assert second.stop() == 0


def test_a_worker_that_only_slept_gives_up_what_others_have_done(site: Site, case: Case) -> None:
    workers = [site.worker(), site.worker()]
    job_id = submitted(site, case)
    under_way(site, job_id)
    sleeper = site.holder(job_id, workers)
    os.kill(sleeper.process.pid, signal.SIGSTOP)
    try:
        assert site.user.over(job_id)["status"] == "completed"
    finally:
        os.kill(sleeper.process.pid, signal.SIGCONT)
    sleeper.said("was out of reach")
    site.user.until(job_id, lambda job: site.user.get("/readyz")["orchestrators"] == 2)
    again = submitted(site, case)
    assert site.user.over(again)["status"] == "completed"
    assert results(site, 2) == ["output.mp4"] * 2
    for worker in workers:
        assert worker.stop() == 0


def test_an_owners_bound_holds_over_all_processes(site: Site, case: Case) -> None:
    workers = [site.worker(), site.worker()]
    jobs = [submitted(site, case) for _ in range(4)]
    most = 0
    end = time.monotonic() + PATIENCE_SECONDS
    while site.user.get("/api/v1/jobs?status=completed")["total"] < len(jobs):
        assert time.monotonic() < end
        most = max(most, len(site.runs.under_way()))
    assert most == 1
    for worker in workers:
        worker.stop()
