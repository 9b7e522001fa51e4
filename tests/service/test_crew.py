"""Which orchestrators there are, and who is taken for dead."""

from __future__ import annotations

import time

import pytest
from at_once import in_threads
from sqlalchemy import Engine, update

from blanklogo.service.database import writing
from blanklogo.service.jobs.crew import Crew
from blanklogo.service.jobs.table import orchestrators

LEASE_SECONDS = 1000.0  # nothing here waits for it


@pytest.fixture
def crew(database: Engine) -> Crew:
    return Crew(database, LEASE_SECONDS)


def grow_old(database: Engine, name: str) -> None:
    """As if nothing had been heard of it for two leases."""
    with writing(database) as connection:
        seen = orchestrators.c.seen_seconds - 2 * LEASE_SECONDS
        connection.execute(update(orchestrators).where(orchestrators.c.name == name).values(seen_seconds=seen))


def test_who_enters_is_there_until_it_leaves(crew: Crew) -> None:
    crew.enter("orch_a")
    crew.enter("orch_b")
    assert crew.beat("orch_a")
    assert (crew.names(), crew.num_living()) == ({"orch_a", "orch_b"}, 2)
    crew.leave("orch_a")
    assert crew.names() == {"orch_b"}
    assert not crew.beat("orch_a")


def test_those_of_this_machine_are_counted_apart(database: Engine, crew: Crew) -> None:
    crew.enter("orch_a")
    crew.enter("orch_b")
    with writing(database) as connection:
        elsewhere = update(orchestrators).where(orchestrators.c.name == "orch_b").values(place="another 1")
        connection.execute(elsewhere)
    assert (crew.num_living(), crew.num_living(is_here=True)) == (2, 1)
    grow_old(database, "orch_a")
    assert crew.num_living(is_here=True) == 0


def test_who_is_not_heard_of_is_struck_off_and_told_so_when_it_comes_back(database: Engine, crew: Crew) -> None:
    crew.enter("orch_a")
    crew.enter("orch_b")
    grow_old(database, "orch_a")
    assert (crew.names(), crew.num_living()) == ({"orch_a", "orch_b"}, 1)
    assert crew.strike_off() == ["orch_a"]
    assert crew.names() == {"orch_b"}
    assert not crew.beat("orch_a")


def test_who_is_heard_of_again_in_time_stays(database: Engine, crew: Crew) -> None:
    crew.enter("orch_a")
    grow_old(database, "orch_a")
    assert crew.beat("orch_a")
    assert crew.strike_off() == []


def test_of_several_who_notice_at_once_one_strikes_off(database: Engine, crew: Crew) -> None:
    dead = [f"orch_{number}" for number in range(5)]
    for name in dead:
        crew.enter(name)
        grow_old(database, name)
    told = in_threads(lambda _: crew.strike_off(), 4)
    assert sorted(name for names in told for name in names) == dead


def test_who_is_known_to_be_alone_strikes_off_all_others(crew: Crew) -> None:
    for name in ("orch_a", "orch_b", "orch_c"):
        crew.enter(name)
    assert sorted(crew.strike_off(all_but="orch_b")) == ["orch_a", "orch_c"]
    assert crew.names() == {"orch_b"}


def test_the_clock_is_the_databases(database: Engine, crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose clock is an hour fast takes nobody for dead."""
    if database.dialect.name == "sqlite":
        pytest.skip("SQLite's clock is this machine's")
    crew.enter("orch_a")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600)
    assert crew.strike_off() == []
    assert crew.num_living() == 1
