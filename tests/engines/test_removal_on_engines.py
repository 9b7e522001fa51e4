"""Real removals by engines: the same result as in this thread, and nothing left behind when it comes to nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import blanklogo
from blanklogo.engines.base import Engine
from blanklogo.engines.open import open_engine
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import BudgetError, CancelledError, CrashError, OptionError, SourceError, TargetError
from blanklogo.remover import Remover
from blanklogo.testbed.cases import Burning, Case, make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene
from blanklogo.types import Notice, Progress


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    scene = Scene("walk", 320, 180, 60, seed=8)
    return make_case(scene, draw_mark("wordmark"), tmp_path_factory.mktemp("case"), Burning(scale=0.6, crf=20))


@pytest.fixture(scope="module")
def inline_bytes(case: Case, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """By the command, which like a worker gives OpenBLAS one thread: with more, what it adds up depends on what else
    runs, and now and then a pixel comes out one step brighter."""
    target, box = tmp_path_factory.mktemp("inline") / "clean.mp4", case.places[0].box
    place = f"{box.x0},{box.y0},{box.width},{box.height}"
    command = [sys.executable, "-m", "blanklogo", "remove", case.marked, "-o", target, "--box", place, "--quiet"]
    subprocess.run(command, check=True, timeout=300)
    return target.read_bytes()


@pytest.fixture(scope="module")
def pool() -> Iterator[Engine]:
    with open_engine("pool", EngineSpec(max_workers=1)) as engine:
        yield engine


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "clean.mp4"


def test_the_pool_gives_the_bytes_that_inline_gives(
    case: Case, pool: Engine, target: Path, inline_bytes: bytes
) -> None:
    heard = []
    report = blanklogo.remove(case.marked, target, boxes=[case.places[0].box], engine=pool, on_event=heard.append)
    assert target.read_bytes() == inline_bytes
    assert os.listdir(target.parent) == [target.name]
    assert report.verify.frames_match
    assert report.tracks[0].found_by == "box"
    stages = [event.stage for event in heard if isinstance(event, Progress)]
    assert list(dict.fromkeys(stages)) == ["look", "learn", "restore", "verify"]
    assert all(isinstance(event, Progress | Notice) for event in heard)


def test_an_engine_that_is_named_is_opened_and_closed(case: Case, target: Path) -> None:
    spec = EngineSpec(max_workers=1, timeout_seconds=300)
    report = blanklogo.remove(case.marked, target, boxes=[case.places[0].box], engine="inline", spec=spec)
    assert report.verify.frames_match
    assert os.listdir(target.parent) == [target.name]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("inline")]
    with pytest.raises(OptionError, match="inline, pool, modal, ray"):
        blanklogo.remove(case.marked, target.with_name("b.mp4"), engine="moon")


def test_a_relative_path_is_ours_not_the_workers(
    case: Case, pool: Engine, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(target.parent)
    source = os.path.relpath(case.marked)
    report = blanklogo.remove(source, "clean.mp4", boxes=[case.places[0].box], engine=pool, dry_run=True)
    assert (report.verify.status, os.listdir()) == ("planned", [])
    blanklogo.remove(source, "clean.mp4", boxes=[case.places[0].box], engine=pool)
    assert os.listdir() == ["clean.mp4"]


def test_errors_come_as_they_are(case: Case, pool: Engine, target: Path) -> None:
    target.write_bytes(b"mine")
    with pytest.raises(TargetError, match="exists"):
        blanklogo.remove(case.marked, target, engine=pool)
    with pytest.raises(TargetError, match="is the input"):
        blanklogo.remove(target, target, engine=pool, overwrite=True)
    with pytest.raises(SourceError, match="none"):
        blanklogo.remove(target.with_name("none.mp4"), target, engine=pool, overwrite=True)
    assert target.read_bytes() == b"mine"
    with pytest.raises(TargetError, match=rf"{target.parent}/clean\.avi would be a copy"):
        blanklogo.remove(case.truth, target.with_name("clean.avi"), engine=pool)
    assert os.listdir(target.parent) == [target.name]


def test_a_stop_is_passed_on(case: Case, pool: Engine, target: Path) -> None:
    heard = []
    with pytest.raises(CancelledError):
        blanklogo.remove(case.marked, target, engine=pool, on_event=heard.append, cancelled=lambda: bool(heard))
    assert os.listdir(target.parent) == []
    assert pool.stats.num_workers == 1, "the worker stays"


def test_a_listener_that_breaks_stops_the_work(case: Case, pool: Engine, target: Path) -> None:
    def listen(event: object) -> None:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        blanklogo.remove(case.marked, target, engine=pool, on_event=listen)
    assert os.listdir(target.parent) == []
    assert (pool.stats.num_queued, pool.stats.num_idle) == (0, 1)


def test_a_worker_that_is_killed_leaves_nothing(case: Case, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = target.parent.with_name("scratch")
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    with open_engine("pool", EngineSpec(max_workers=1)) as engine:

        def kill(event: object) -> None:
            if isinstance(event, Progress) and event.stage == "restore":
                os.kill(pid_of_worker(), signal.SIGKILL)

        with pytest.raises(CrashError, match="SIGKILL"):
            blanklogo.remove(case.marked, target, boxes=[case.places[0].box], engine=engine, on_event=kill)
        assert os.listdir(target.parent) == []
    assert os.listdir(scratch) == []


def test_a_removal_over_its_budget(case: Case, target: Path) -> None:
    with pytest.raises(BudgetError, match=r"0\.05 s"):
        blanklogo.remove(case.marked, target, engine="pool", spec=EngineSpec(timeout_seconds=0.05))
    assert os.listdir(target.parent) == []


def test_the_remover_takes_bytes_and_gives_bytes(case: Case, target: Path) -> None:
    remover = Remover()
    remover.load()
    order = {"source": case.marked.read_bytes(), "boxes": [case.places[0].box.as_list()], "name": "marked.mp4"}
    *_, result = remover.run(order)
    target.write_bytes(result["output"])
    assert blanklogo.probe(target).video.width == case.width_px
    assert result["report"]["verify"]["frames_match"]


def pid_of_worker() -> int:
    """The one worker whose parent we are and that is busy; the module's own pool idles."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid() and b"blanklogo.engines.pool.worker" in (folder / "cmdline").read_bytes():
                found[int(fields[19])] = int(folder.name)  # by its start
        except OSError:
            continue
    return found[max(found)]
