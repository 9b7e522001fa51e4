"""One process that does runs, beside another that takes jobs: what becomes of runs that somebody lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from postgres import Cluster
from running import PATIENCE_SECONDS, Running, User, running
from sqlalchemy import create_engine, text

from blanklogo.engines.open import open_engine
from blanklogo.service.parts import Parts
from blanklogo.service.settings import Settings
from blanklogo.transfer.guard.policy import Policy

VIDEO = bytes(range(256)) * 300
CANCEL_SECONDS = 5.0  # promised is 1 s, measured 0.4 s; this machine may have something else to do


@pytest.fixture
def url(postgres: Cluster) -> str:
    return postgres.new_database()


@pytest.fixture
def api(tmp_path: Path, url: str) -> Iterator[Running]:
    """A process of the service that does no jobs."""
    with running(tmp_path / "data", None, database=url, data=tmp_path / "data", jobs=False) as service:
        yield service


@pytest.fixture
def user(api: Running) -> Iterator[User]:
    with api.user() as user:
        yield user


@contextmanager
def working(settings: Settings, before: Callable[[Parts], None] = lambda parts: None) -> Iterator[Parts]:
    """Another one that does, with workers that copy. A lease is a second: a round five times in it.

    Args:
        before: done before it starts.
    """
    with open_engine("inline", workload="service_workloads:Copier") as engine:
        parts = Parts(settings.model_copy(update={"jobs": True, "lease_seconds": 1.0}), engine, Policy.PUBLIC)
        try:
            before(parts)
            parts.start()
            yield parts
        finally:
            parts.close()


def until(is_it: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_it():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_process_without_jobs_takes_them_and_another_does_them(api: Running, user: User) -> None:
    job_id = user.upload(VIDEO)["job_id"]
    assert user.get("/readyz") == {"database": "ok", "storage": "ok", "orchestrators": 0}
    assert user.get(f"/api/v1/jobs/{job_id}")["status"] == "queued"
    with working(api.parts.settings):
        assert user.over(job_id)["status"] == "completed"
        assert user.get("/readyz")["orchestrators"] == 1
        figures, _ = api.parts.metrics.text(api.parts.store.counts(), {}, api.parts.crew.num_living(), None)
        assert b"blanklogo_orchestrators 1.0" in figures
    assert user.get("/readyz")["orchestrators"] == 0, "who stops says so"


def test_a_cancel_reaches_the_engine_of_another_process(api: Running, user: User) -> None:
    with working(api.parts.settings) as worker:
        job_id = user.upload(VIDEO, platform="pika")["job_id"]
        user.until(job_id, lambda job: job["progress"] >= 30)
        asked = time.monotonic()
        user.delete(f"/api/v1/jobs/{job_id}")
        until(lambda: worker.engine is not None and worker.engine.stats.num_idle == worker.engine.stats.num_workers)
        assert time.monotonic() - asked < CANCEL_SECONDS
        assert user.over(job_id)["status"] == "cancelled"


def test_who_was_taken_for_dead_gives_up_and_begins_again(api: Running, user: User) -> None:
    with working(api.parts.settings) as worker:
        assert worker.orchestrator is not None
        upload = user.upload(VIDEO, platform="runway")
        job_id = upload["job_id"]
        user.until(job_id, lambda job: job["progress"] >= 30)
        assert api.parts.crew.strike_off(all_but="nobody") == [worker.orchestrator.name]
        assert user.over(job_id)["status"] == "completed"
        assert api.parts.crew.names() == {worker.orchestrator.name}
        assert user.get(f"/api/v1/jobs/{job_id}")["attempts"] == 1
        until(lambda: len(list(worker.storage.listed(""))) == 1)


@pytest.mark.parametrize("is_alive", [False, True])
def test_a_run_that_its_process_lost_sight_of_is_taken_up(api: Running, user: User, url: str, is_alive: bool) -> None:
    """Its process is gone; or is there, and was to begin with it when a fault came between."""
    job_id = user.upload(VIDEO)["job_id"]
    database = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))

    def lose(parts: Parts) -> None:
        assert parts.orchestrator is not None
        name = parts.orchestrator.name if is_alive else "orch_long_gone"
        with database.begin() as connection:
            connection.execute(
                text("UPDATE dbos.workflow_status SET status = 'PENDING', executor_id = :name"), {"name": name}
            )
        assert parts.runs.under_way() == {f"{job_id}.1": name}

    with working(api.parts.settings, lose):
        assert user.over(job_id)["status"] == "completed"
    database.dispose()


def test_who_leaves_gives_up_what_it_does_and_the_next_goes_on_at_once(api: Running, user: User) -> None:
    with working(api.parts.settings):
        job_id = user.upload(VIDEO, platform="runway")["job_id"]
        user.until(job_id, lambda job: job["progress"] >= 30)
    assert list(api.parts.runs.under_way()) == [f"{job_id}.1"]
    assert api.parts.crew.names() == set()
    with working(api.parts.settings):
        assert user.over(job_id)["status"] == "completed"


@contextmanager
def away(postgres: Cluster, url: str) -> Iterator[None]:
    """The database, for all of its users."""
    name = url.partition("@/")[2].partition("?")[0]
    postgres.administer(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    postgres.administer(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    try:
        yield
    finally:
        postgres.administer(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def test_a_database_that_was_away_costs_no_job(api: Running, user: User, url: str, postgres: Cluster) -> None:
    with working(api.parts.settings):
        jobs = [user.upload(VIDEO, platform="runway")["job_id"] for _ in range(4)]
        user.until(jobs[-1], lambda job: job["progress"] >= 30)
        with away(postgres, url):
            time.sleep(3)  # the work ends meanwhile, and three leases do
        for job_id in jobs:
            assert user.over(job_id)["status"] == "completed"


def test_what_a_dead_one_left_in_the_fetching_folder_goes(api: Running) -> None:
    left = api.folder / "fetching" / "orch_dead"
    left.mkdir(parents=True)
    (left / "1234.part").write_bytes(VIDEO)
    with working(api.parts.settings):
        until(lambda: not left.exists())
