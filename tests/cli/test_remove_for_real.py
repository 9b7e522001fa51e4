"""The whole command on a drawn clip: what it writes, what it says, and what is left when it is stopped."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blanklogo.testbed.cases import Burning, Case, make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene

PATIENCE_SECONDS = 120  # for the slowest machine; a run takes seconds


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Four seconds of a walk at 320x180 with a mark in the corner and a tone beside it."""
    scene = Scene("walk", 320, 180, 100, seed=8)
    return make_case(scene, draw_mark("wordmark"), tmp_path_factory.mktemp("case"), Burning(scale=0.6, crf=20))


@pytest.fixture
def clip(case: Case, tmp_path: Path) -> Path:
    """The marked clip alone in a folder."""
    path = tmp_path / "work" / "clip.mp4"
    path.parent.mkdir()
    path.write_bytes(case.marked.read_bytes())
    return path


def begin(*arguments: str | Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "blanklogo", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode, out, err


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def wait_for_stage(process: subprocess.Popen, stage: str) -> None:
    for line in process.stdout:
        if json.loads(line).get("stage") == stage:
            return
    pytest.fail(f"ended before it came to {stage}: {process.stderr.read()}")


def test_a_mark_is_found_and_taken_out(clip: Path, case: Case) -> None:
    before = clip.read_bytes()
    code, out, err = finish(begin("remove", clip, "--json"))
    assert (code, err) == (0, "")
    *_, last = [json.loads(line) for line in out.splitlines()]
    target = clip.with_name("clip.clean.mp4")
    assert (last["type"], last["output"]) == ("result", str(target))
    assert last["report"]["watermarks_detected"] == 1
    assert last["report"]["verify"]["frames_match"]
    assert last["report"]["verify"]["audio_identical"]
    x0, y0, x1, y1 = last["report"]["tracks"][0]["box"]
    truth = case.places[0].box
    assert x0 < truth.x1
    assert truth.x0 < x1
    assert y0 < truth.y1
    assert truth.y0 < y1
    assert names(clip.parent) == ["clip.clean.mp4", "clip.mp4"]
    assert clip.read_bytes() == before


def test_a_clip_without_a_mark_comes_back_byte_for_byte(clip: Path, case: Case) -> None:
    clean = clip.with_name("bare.mkv")
    clean.write_bytes(case.truth.read_bytes())
    code, out, err = finish(begin("remove", clean, "--strict"))
    assert (code, out) == (3, "")
    assert "no mark" in err
    assert clean.with_name("bare.clean.mkv").read_bytes() == clean.read_bytes()


def test_a_dry_run_and_a_refusal_write_nothing(clip: Path) -> None:
    assert finish(begin("remove", clip, "--dry-run", "--quiet"))[0] == 0
    code, _, err = finish(begin("remove", clip, "-o", clip, "--overwrite"))
    assert code == 2
    assert "is the input" in err
    assert finish(begin("remove", clip, "--box", "9000,0,5,5"))[0] == 2
    assert finish(begin("remove", clip, "--from", "1:00:00"))[0] == 2
    assert names(clip.parent) == ["clip.mp4"]


def test_matte_and_preview_draw_pictures(clip: Path, case: Case) -> None:
    folder, box = clip.parent, case.places[0].box
    place = f"{box.x0},{box.y0},{box.width},{box.height}"
    code, _, err = finish(begin("matte", clip, "-o", folder / "mark.png"))
    assert code == 0, err
    assert finish(begin("preview", clip, "-o", folder / "look.png", "--box", place))[0] == 0
    assert names(folder) == ["clip.mp4", "look.png", "mark.png"]
    assert {(folder / name).read_bytes()[:8] for name in ("look.png", "mark.png")} == {b"\x89PNG\r\n\x1a\n"}


@pytest.mark.parametrize(("stage", "number"), [("look", signal.SIGTERM), ("restore", signal.SIGINT)])
def test_a_signal_leaves_nothing_behind(clip: Path, stage: str, number: signal.Signals) -> None:
    process = begin("remove", clip, "--json")
    wait_for_stage(process, stage)
    process.send_signal(number)
    code, out, err = finish(process)
    assert (code, err) == (130, "stopped; nothing was kept\n")
    assert '"result"' not in out
    assert names(clip.parent) == ["clip.mp4"]


def test_two_signals_at_once_leave_nothing_behind_either(clip: Path) -> None:
    process = begin("remove", clip, "--json")
    wait_for_stage(process, "restore")
    process.send_signal(signal.SIGINT)
    time.sleep(0.02)  # two signals of a kind that wait together count as one
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)
    assert code == 130
    assert "Traceback" not in err
    assert names(clip.parent) == ["clip.mp4"]


def test_many_videos_on_the_pool(clip: Path) -> None:
    folder = clip.parent
    (folder / "bad.mp4").write_bytes(b"no video")
    (folder / "twin.mp4").write_bytes(clip.read_bytes())
    (folder / "out").mkdir()
    videos = [folder / name for name in ("clip.mp4", "bad.mp4", "twin.mp4")]
    code, out, err = finish(begin("remove", *videos, "-o", folder / "out", "--engine", "pool", "--json"))
    assert code == 2
    assert "bad.mp4" in err
    endings = {Path(message["source"]).name: message for message in map(json.loads, out.splitlines())}
    assert {name: message["type"] for name, message in endings.items()} == {
        "clip.mp4": "result",
        "bad.mp4": "error",
        "twin.mp4": "result",
    }
    assert names(folder / "out") == ["clip.clean.mp4", "twin.clean.mp4"]
    assert not [name for name in names(folder) if name.startswith(".")]


@pytest.mark.parametrize("num_signals", [1, 3])
def test_a_signal_stops_the_pool_too(clip: Path, num_signals: int) -> None:
    (clip.parent / "twin.mp4").write_bytes(clip.read_bytes())
    videos = [clip, clip.with_name("twin.mp4")]
    process = begin("remove", *videos, "--engine", "pool", "--json")
    wait_for_stage(process, "restore")
    for _ in range(num_signals):
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    code, _, err = finish(process)
    assert (code, err) == (130, "stopped; nothing was kept\n")
    assert names(clip.parent) == ["clip.mp4", "twin.mp4"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_a_signal_at_any_moment(clip: Path, seed: int) -> None:
    rng = random.Random(seed)
    process = begin("remove", clip)
    # Not in the interpreter's own start, before the command is there to hear it.
    time.sleep(0.3 + 4 * rng.random())
    for _ in range(rng.choice([1, 1, 2, 3])):
        if process.poll() is None:
            process.send_signal(rng.choice([signal.SIGINT, signal.SIGTERM]))
            time.sleep(0.05 * rng.random())
    code, _, err = finish(process)
    assert "Traceback" not in err
    assert code in (0, 130)
    assert names(clip.parent) == (["clip.clean.mp4", "clip.mp4"] if code == 0 else ["clip.mp4"])


def test_a_reader_that_goes_away_leaves_nothing_behind(clip: Path) -> None:
    process = begin("remove", clip, "--json")
    wait_for_stage(process, "restore")
    process.stdout.close()
    process.stdout = None
    assert finish(process)[0] == 1
    assert names(clip.parent) == ["clip.mp4"]
