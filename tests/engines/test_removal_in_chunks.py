"""One video on several workers: the same film, and nothing left when it comes to nothing."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from test_removal_on_engines import newest_worker

import blanklogo
from blanklogo.engines.base import Engine
from blanklogo.engines.inline import InlineEngine
from blanklogo.engines.open import open_engine
from blanklogo.engines.pool.engine import PoolEngine
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import BudgetError, CancelledError, CrashError, OptionError, TargetError, UnsupportedError
from blanklogo.media.compare import compare_streams
from blanklogo.media.reader import VideoReader
from blanklogo.testbed.cases import Burning, Case, make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene
from blanklogo.types import Notice, Progress, Report

NUM_FRAMES = 120  # ten windows


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    scene = Scene("walk", 160, 120, NUM_FRAMES, seed=8)
    return make_case(scene, draw_mark("bug"), tmp_path_factory.mktemp("case"), Burning(scale=1.0, crf=20))


@pytest.fixture(scope="module")
def pool() -> Iterator[Engine]:
    with open_engine("pool", EngineSpec(max_workers=2)) as engine:
        yield engine


@pytest.fixture(scope="module")
def whole(case: Case, pool: Engine, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    target = tmp_path_factory.mktemp("whole") / "clean.mp4"
    return target, remove(case, target, engine=pool)


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """In a folder in which, as in the one for temporary files, nothing else is left."""
    (tmp_path / "out").mkdir()
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    yield tmp_path / "out" / "clean.mp4"
    assert set(os.listdir(tmp_path / "out")) <= {"clean.mp4", "clean.mkv"}
    left = [name for name in os.listdir(tmp_path / "scratch") if not name.startswith("blanklogo-worker-")]
    assert left == [], "but for the folders of workers that are still there"


def remove(case: Case, target: Path, **how) -> Report:
    return blanklogo.remove(case.marked, target, boxes=[case.places[0].box], **how)


def film(path: Path) -> tuple[list[int], np.ndarray]:
    """Time stamps and luma [T, H, W] of every frame."""
    with VideoReader(path) as reader:
        frames = [(frame.pts, frame.planes[0].astype(np.int16)) for frame in reader]
    return [pts for pts, _ in frames], np.stack([luma for _, luma in frames])


@pytest.mark.parametrize("num_chunks", [2, 3, 5])
def test_the_film_is_the_same_in_chunks(
    case: Case, pool: Engine, whole: tuple[Path, Report], target: Path, num_chunks: int
) -> None:
    heard = []
    report = remove(case, target, engine=pool, chunks=num_chunks, on_event=heard.append)
    assert (report.verify.status, report.verify.audio_identical) == ("clean", True)
    told, in_one = report.as_dict(), whole[1].as_dict()
    assert (told["tracks"], told["pixels"]) == (in_one["tracks"], in_one["pixels"])
    comparison = compare_streams(case.marked, target)
    assert (comparison.pts_match, comparison.others_identical) == (True, True)
    (stamps, luma), (whole_stamps, whole_luma) = film(target), film(whole[0])
    assert stamps == whole_stamps
    # Two encodings at 45 dB and more of the same frames; on average they differ by less than a code value.
    assert np.abs(luma - whole_luma).mean() < 1
    restored = [event.done for event in heard if isinstance(event, Progress) and event.stage == "restore"]
    assert restored == sorted(restored)
    assert restored[-1] == NUM_FRAMES
    stages = [event.stage for event in heard if isinstance(event, Progress)]
    assert list(dict.fromkeys(stages)) == ["look", "learn", "restore", "verify"]


def test_without_loss_it_is_the_same_to_the_last_pixel(case: Case, pool: Engine, target: Path, tmp_path: Path) -> None:
    in_one, in_chunks = tmp_path / "one.mkv", target.with_suffix(".mkv")
    remove(case, in_one, engine=pool, codec="ffv1")
    remove(case, in_chunks, engine=pool, codec="ffv1", chunks=3)
    (stamps, luma), (one_stamps, one_luma) = film(in_chunks), film(in_one)
    assert stamps == one_stamps
    assert np.array_equal(luma, one_luma)


def test_chunks_are_restored_at_once(case: Case, target: Path) -> None:
    with open_engine("pool", EngineSpec(max_workers=2)) as engine:
        remove(case, target, engine=engine, chunks=4)
        assert engine.stats.num_started == min(2, os.cpu_count() or 1)


def test_no_mark_is_a_copy(case: Case, pool: Engine, target: Path) -> None:
    target = target.with_suffix(".mkv")
    report = blanklogo.remove(case.truth, target, engine=pool, chunks=2)
    assert report.verify.status == "no_mark"
    assert target.read_bytes() == case.truth.read_bytes()


def test_what_does_not_fit_is_refused(case: Case, pool: Engine, target: Path) -> None:
    with pytest.raises(OptionError, match=r'2 chunks without an engine; .*engine="pool"'):
        remove(case, target, chunks=2)
    for chunks, came in ((1, "1 chunks; accepted: 2 or more"), (11, "accepted: 1 to 10")):
        with pytest.raises(OptionError, match=came):
            remove(case, target, engine=pool, chunks=chunks)
    with pytest.raises(OptionError, match=r"chunks for \.avi"):
        remove(case, target.with_suffix(".avi"), engine=pool, chunks=2)
    target.write_bytes(b"mine")
    with pytest.raises(TargetError, match="exists"):
        remove(case, target, engine=pool, chunks=2)
    assert target.read_bytes() == b"mine"


def test_a_dry_run_is_one(case: Case, pool: Engine, target: Path) -> None:
    assert remove(case, target, engine=pool, chunks=3, dry_run=True).verify.status == "planned"
    assert not target.exists()


def test_a_stop_stops_all(case: Case, pool: Engine, target: Path) -> None:
    heard = []

    def restoring() -> bool:
        return any(isinstance(event, Progress) and event.stage == "restore" for event in heard)

    with pytest.raises(CancelledError):
        remove(case, target, engine=pool, chunks=3, on_event=heard.append, cancelled=restoring)
    assert pool.stats.num_queued == 0
    until = time.monotonic() + 10  # a worker is idle a moment after its call has ended
    while (stats := pool.stats).num_idle < stats.num_workers and time.monotonic() < until:
        time.sleep(0.05)
    assert stats.num_idle == stats.num_workers > 0
    assert not target.exists()


class Killer:
    """A listener that kills the newest worker when restoring begins, once."""

    def __init__(self) -> None:
        self.killed: list[int] = []

    def __call__(self, event: object) -> None:
        if isinstance(event, Progress) and event.stage == "restore" and not self.killed:
            self.killed.append(newest_worker())
            os.kill(self.killed[0], signal.SIGKILL)


def test_a_worker_that_is_killed_is_the_end_of_all(case: Case, target: Path) -> None:
    with open_engine("pool", EngineSpec(max_workers=1)) as engine:
        with pytest.raises(CrashError, match="SIGKILL"):
            remove(case, target, engine=engine, chunks=3, on_event=Killer())
        assert engine.stats.num_queued == 0
    assert not target.exists()


def test_a_crash_is_tried_again_as_often_as_the_engine_does(case: Case, target: Path) -> None:
    killer = Killer()
    with open_engine("pool", EngineSpec(max_workers=1, retries=1)) as engine:
        report = remove(case, target, engine=engine, chunks=3, on_event=killer)
    assert killer.killed
    assert (report.verify.status, report.verify.frames_match) == ("clean", True)


def test_a_removal_over_its_budget_is_done_in_chunks(case: Case, target: Path, whole: tuple[Path, Report]) -> None:
    heard = []
    # Long enough for learning and for a chunk on a busy machine; the whole never ends by itself.
    spec = EngineSpec(max_workers=2, timeout_seconds=8)
    with PoolEngine(spec, "hurried:SlowInOne") as engine:
        report = remove(case, target, engine=engine, on_event=heard.append)
    (notice,) = [event.message for event in heard if isinstance(event, Notice)]
    assert notice == (
        f"the work took longer than 8 s: {NUM_FRAMES // 2} of {NUM_FRAMES} frames were restored by then; "
        "that time is lost, and the video is done anew in 2 chunks"
    )
    assert report.verify.status == "clean"
    assert film(target)[0] == film(whole[0])[0]


def test_a_damaged_video_is_not_done_in_chunks(case: Case, pool: Engine, target: Path, tmp_path: Path) -> None:
    data = bytearray(case.marked.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = np.random.default_rng(0).integers(0, 256, 2000, np.uint8).tobytes()
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(data)
    how = {"boxes": [case.places[0].box]}
    with pytest.raises(UnsupportedError, match="chunks of a damaged video"):
        blanklogo.remove(damaged, target, engine=pool, chunks=2, **how)
    with (
        PoolEngine(EngineSpec(max_workers=1, timeout_seconds=6), "hurried:SlowInOne") as engine,
        pytest.raises(BudgetError, match="longer than 6 s"),
    ):
        blanklogo.remove(damaged, target, engine=engine, **how)
    assert not target.exists()


def test_a_chunk_over_its_budget_is_halved(case: Case, target: Path) -> None:
    heard = []
    with PoolEngine(EngineSpec(max_workers=2), "hurried:SlowInLong") as engine:
        report = remove(case, target, engine=engine, chunks=2, on_event=heard.append)
    notices = [event.message for event in heard if isinstance(event, Notice)]
    assert sorted(notice[:41] for notice in notices) == [
        "no time for 60 frames, for frames 0 to 60",
        "no time for 60 frames, for frames 60 to 1",
    ]
    assert (report.verify.status, report.frames_processed) == ("clean", NUM_FRAMES)


def test_a_chunk_for_which_no_worker_is_free_waits(case: Case, target: Path) -> None:
    heard = []
    # One worker, whatever the spec says: chunks that are given to it at once cannot all be had in time.
    with InlineEngine(EngineSpec(max_workers=3, max_queue_seconds=0.8), "hurried:Slow") as engine:
        report = remove(case, target, engine=engine, chunks=3, on_event=heard.append)
    notices = [event.message for event in heard if isinstance(event, Notice)]
    assert notices
    assert notices[-1].endswith("now 1 chunks at once")
    assert (report.verify.status, report.frames_processed) == ("clean", NUM_FRAMES)
    assert report.processing_time_s > 3, "all of it, not only what followed the chunks"


def test_half_a_chunk_over_its_budget_is_the_end(case: Case, target: Path) -> None:
    with (
        PoolEngine(EngineSpec(max_workers=1), "hurried:SlowInShort") as engine,
        pytest.raises(BudgetError, match=r"no time for 24 frames, for frames 0 to 24 alone"),
    ):
        remove(case, target, engine=engine, chunks=2)
    assert not target.exists()


@pytest.mark.parametrize(("mode", "suffix"), [("crop", ".mp4"), ("auto", ".avi")])
def test_a_budget_error_stands_where_chunks_would_not_do(case: Case, target: Path, mode: str, suffix: str) -> None:
    with (
        PoolEngine(EngineSpec(max_workers=1, timeout_seconds=0.05), "hurried:SlowInOne") as engine,
        pytest.raises(BudgetError, match=r"0\.05 s"),
    ):
        remove(case, target.with_suffix(suffix), engine=engine, mode=mode)
    assert not target.exists()
