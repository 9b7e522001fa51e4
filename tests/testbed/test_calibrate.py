"""The calibration: the fit, what is left out, and that it runs."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.calibrate import QUIET_SHARE, Run, fitted, table
from benchmarks.measure import ROOT

from blanklogo.engines.throughput import Rate, Throughput, machine_words


def runs(cores: int, fixed_seconds: float, pixels_per_second: float) -> list[Run]:
    sizes = ((320, 180, 50), (640, 360, 125), (1280, 720, 250))
    return [
        Run(cores, *size, fixed_seconds + size[0] * size[1] * size[2] / pixels_per_second, others_share=0.0)
        for size in sizes
    ]


def test_the_fit_finds_what_the_seconds_were_made_of() -> None:
    assert fitted(runs(1, 0.75, 20_000_000)) == Rate(1, 0.75, 20_000_000, 0.0)


def test_a_fixed_part_is_never_below_nothing() -> None:
    rate = fitted(runs(1, -0.05, 20_000_000))
    assert rate.fixed_seconds == 0
    assert 0 < rate.worst_error < 0.5
    assert rate.pixels_per_second > 0


def test_nonsense_is_not_written() -> None:
    with pytest.raises(RuntimeError, match="quieter"):
        fitted(runs(2, 60.0, -20_000_000))


def test_disturbed_runs_make_no_row_for_several_cores() -> None:
    alone, both = runs(1, 0.5, 20_000_000), runs(2, 0.5, 30_000_000)
    noisy = [replace(both[0], others_share=2 * QUIET_SHARE), *both[1:]]
    assert [rate["cores"] for rate in table([*alone, *both], 0.4)["rates"]] == [1, 2]
    told = table([*alone, *noisy], 0.4)
    assert [rate["cores"] for rate in told["rates"]] == [1]
    assert len(told["runs"]) == 6
    assert Throughput.from_dict(told).load_seconds == 0.4


@pytest.mark.slow
def test_it_runs_for_real(tmp_path: Path) -> None:
    out = tmp_path / "table.json"
    command = [sys.executable, "-m", "benchmarks.calibrate", "--quick", "--patience", "0", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(out.read_text())
    assert told["machine"] == machine_words()
    assert Throughput.from_dict(told).run_seconds(1_000_000, 1) > 0
