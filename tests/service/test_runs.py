"""Runs: what every process may do with them, and how one does them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from blanklogo.errors import UnavailableError
from blanklogo.service.jobs.durable import Durable, Runs, Step
from blanklogo.service.jobs.job import Run

PATIENCE_SECONDS = 60.0
FIRST, SECOND = Run("job_1", 1), Run("job_1", 2)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'service-runs.db'}"
    return request.getfixturevalue("postgres").new_database().replace("postgresql:", "postgresql+psycopg:")


@pytest.fixture
def runs(url: str) -> Iterator[Runs]:
    opened = Runs(url)
    yield opened
    opened.close()


def test_a_run_is_queued_once_and_known_until_it_is_forgotten(runs: Runs) -> None:
    assert runs.known([FIRST, SECOND]) == runs.known([]) == {}
    runs.put(FIRST, "own_a")
    runs.put(FIRST, "own_a")
    assert runs.known([FIRST, SECOND]) == {"job_1.1": False}
    assert runs.under_way() == {}
    assert not runs.put_back("job_1.1", "orch_a"), "nobody has it"
    runs.forget(FIRST)
    runs.forget(FIRST)
    assert runs.known([FIRST]) == {}


def test_another_process_sees_the_same(url: str, runs: Runs) -> None:
    other = Runs(url)
    runs.put(FIRST, "own_a")
    assert other.known([FIRST]) == {"job_1.1": False}
    other.close()


def test_sqlite_keeps_them_in_a_write_ahead_log(tmp_path: Path) -> None:
    path = tmp_path / "service-runs.db"
    Runs(f"sqlite:///{path}").close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    assert path.stat().st_mode & 0o077 == 0


def test_a_database_that_is_away_is_said_in_our_words(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        Runs(f"sqlite:///{tmp_path}")  # a folder


def test_a_step_that_cannot_say_what_it_came_to_is_begun_again_and_those_before_it_are_not(runs: Runs) -> None:
    done: list[str] = []

    def second() -> str:
        done.append("second")
        if done.count("second") < 3:
            raise UnavailableError("the database is away")
        return "well"

    def conduct(run: Run, step: Step) -> None:
        step("first", lambda: done.append("first"))
        done.append(step("second", second))

    durable = Durable(runs, "orch_a", conduct, poll_seconds=0.05)
    durable.start()
    runs.put(FIRST, "own_a")
    end = time.monotonic() + PATIENCE_SECONDS
    while not runs.known([FIRST])["job_1.1"]:
        assert time.monotonic() < end
        durable.take_up(lambda: {"orch_a"})
        time.sleep(0.2)
    assert durable.wait_idle(PATIENCE_SECONDS)
    durable.close()
    assert done == ["first", "second", "second", "second", "well"]
