"""The benchmark's page says what happened, losing rows and failures included, and its plan fits what was asked."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.checks import CleanOutcome, LengthOutcome
from benchmarks.measure import ROOT, Measured
from benchmarks.plan import Trial, plan
from benchmarks.runner import Entry, Outcome
from benchmarks.strips import draw_strip
from benchmarks.table import Results, write_page

from blanklogo.errors import OptionError
from blanklogo.testbed import pictures
from blanklogo.testbed.cases import Case
from blanklogo.testbed.clips import write_clip
from blanklogo.testbed.scenes import Scene
from blanklogo.testbed.scoring import Score

COST = Measured(3.0, 2.0, {"peak_rss_bytes": 200_000_000, "report": {"verify": {"status": "no_mark"}}}, None)
PLAIN = Measured(2.0, 1.0, {}, None)


def outcome(case: Case, ours_db: float | None, peer_db: float) -> Outcome:
    def scored(name: str, inside_db: float) -> Entry:
        return Entry(name, case.marked, COST, Score(inside_db, inside_db, inside_db, inside_db, 0.1, 41.0, 48.0, 20))

    ours = Entry("blanklogo", None, COST, None, "it broke", True) if ours_db is None else scored("blanklogo", ours_db)
    entries = {
        "marked": scored("marked", 17.0),
        "blanklogo": ours,
        "telea": scored("telea", peer_db - 1),
        "ns": scored("ns", peer_db),
        "harmonic": scored("harmonic", peer_db - 2),
        "delogo": Entry("delogo", failure="this machine has no ffmpeg command"),
    }
    return Outcome(Trial(Scene("tripod", 320, 180, 20), "wordmark"), case, entries, PLAIN)


def page(tmp_path: Path, *outcomes: Outcome) -> str:
    clean = (CleanOutcome("sky", True, "no_mark"), CleanOutcome("wall", False, "clean"))
    lengths = (LengthOutcome(10, COST, PLAIN), LengthOutcome(60, Measured(1.0, 1.0, {}, "no room"), PLAIN))
    results = Results(outcomes, clean, lengths, "python -m benchmarks", "generated clips")
    return write_page(results, tmp_path / "page.md").read_text()


def test_a_winning_row_shows_its_lead_and_cost(case: Case, tmp_path: Path):
    text = page(tmp_path, outcome(case, 35.0, 30.0))
    assert "| **35.0** | +5.0 |" in text
    assert "1 of 1 rows won, 0 drawn, 0 lost" in text
    assert "| 3.00 | 1.50 | 2.00 |" in text  # CPU seconds, CPU ratio, wall ratio
    assert "On none of these rows." in text
    assert "| wall | **no** | clean |" in text
    assert "| 10 s | 3.00 | 1.50 | 2.00 | 200 | no_mark |" in text
    assert "failed: no room" in text


def test_what_is_made_up_is_held_against_each_inpainting(case: Case, tmp_path: Path):
    opaque = replace(outcome(case, 35.0, 30.0), trial=Trial(Scene("tripod", 320, 180, 20, seed=2), "letters", "box"))
    text = page(tmp_path, opaque, outcome(case, 20.0, 30.0))
    assert "on the 1 opaque marks before a camera that stands still" in text
    assert "+6.0 dB over telea, +5.0 dB over ns, +7.0 dB over harmonic." in text
    assert "opaque marks" not in page(tmp_path, outcome(case, 20.0, 30.0))


def test_a_losing_row_is_named_with_its_reason(case: Case, tmp_path: Path):
    text = page(tmp_path, outcome(case, 25.0, 30.0))
    assert "- tripod-wordmark-static-nothing: -5.0 dB against ns; BlankLogo found no mark." in text


def test_a_failure_is_shown_and_fails_the_run(case: Case, tmp_path: Path):
    failed = outcome(case, None, 30.0)
    text = page(tmp_path, failed)
    assert "| **failed** |" in text
    assert "- blanklogo on tripod-wordmark-static-nothing: it broke" in text
    assert "- delogo: this machine has no ffmpeg command" in text
    assert Results((failed,), (), (), "", "").has_failed_work
    assert not Results((outcome(case, 1.0, 2.0),), (), (), "", "").has_failed_work  # a missing tool, a lost row: no


def test_the_page_names_no_folder_of_this_machine(case: Case, tmp_path: Path):
    text = page(tmp_path, outcome(case, 35.0, 30.0))
    assert str(ROOT) not in text
    assert str(tmp_path) not in text


def test_a_strip_shows_four_crops(case: Case, tmp_path: Path):
    picture = pictures.cv2.imread(str(draw_strip(outcome(case, 35.0, 30.0), tmp_path)))
    three = pictures.cv2.imread(str(draw_strip(outcome(case, None, 30.0), tmp_path)))
    assert picture.shape == three.shape
    assert picture.shape[1] > 700
    assert picture.std() > 20


def test_a_folder_of_clips_is_planned_and_skipped_by_name(tmp_path: Path):
    for name in ("one", "two", "marked_two"):
        write_clip(tmp_path / f"{name}.mp4", Scene("sky", 160, 96, 5).frames(), Scene("sky").rate, "libx264", {})
    (tmp_path / "notes.txt").write_text("no clip")
    chosen = plan(tmp_path, is_quick=False, is_long=False, skip=["marked_*"], only=[])
    assert {trial.clip.name for trial in chosen.trials} == {"one", "two"}
    assert [name for name, _ in chosen.clean] == ["one", "two"]
    assert len({trial.name for trial in chosen.trials}) == len(chosen.trials)
    few = plan(tmp_path, is_quick=False, is_long=False, skip=[], only=["two-*-hop-*"])
    assert {trial.burning.motion for trial in few.trials} == {"hop"}
    assert not few.clean


def test_generated_trials_have_names_of_their_own():
    chosen = plan(None, is_quick=False, is_long=True, skip=[], only=[])
    assert len({trial.name for trial in chosen.trials}) == len(chosen.trials) >= 12
    assert chosen.length_seconds[-1] == 600
    assert {trial.burning.motion for trial in chosen.trials} == {"static", "hop", "fade"}
    assert {trial.given for trial in chosen.trials} == {"nothing", "mark", "box"}


@pytest.mark.parametrize(("folder", "only"), [("", []), ("missing", []), (None, ["nothing-like-it"])])
def test_a_plan_of_nothing_is_refused(tmp_path: Path, folder: str | None, only: list[str]):
    with pytest.raises(OptionError):
        plan(None if folder is None else tmp_path / folder, is_quick=False, is_long=False, skip=[], only=only)


def test_pictures_keep_hard_pixels_and_fit_their_words():
    picture = np.zeros((10, 40, 3), np.uint8)
    picture[:, ::2] = 255
    np.testing.assert_array_equal(pictures.enlarged(picture, 3)[::3, ::3], picture)
    assert pictures.captioned(picture, "words much longer than forty pixels are").shape == (40, 40, 3)


@pytest.mark.slow
def test_the_quick_benchmark_runs_from_end_to_end(tmp_path: Path):
    command = [sys.executable, "-m", "benchmarks", "--quick", "--out", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "RESULTS.md").read_text()
    assert text.count("hike-wordmark-static-nothing") >= 1
    assert "failed" not in text
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 3
