"""`blanklogo estimate` on a real clip."""

from __future__ import annotations

from pathlib import Path

import pytest

from blanklogo.cli.estimate import PROVIDERS, usd_words
from blanklogo.engines import prices
from blanklogo.testbed.clips import write_clip
from blanklogo.testbed.scenes import Scene


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("estimated") / "clip.mp4"
    scene = Scene("sky", 160, 90, 25)
    write_clip(path, scene.frames(), scene.rate, "libx264", {"preset": "ultrafast"})
    return path


def test_people_read_a_table(blank, clip: Path) -> None:
    outcome = blank("estimate", clip, "--gpu", "a10g", "--cores", "4", "--memory", "2")
    assert (outcome.code, outcome.stderr) == (0, "")
    lines = outcome.stdout.splitlines()
    assert lines[0] == "clip.mp4: 160x90, 25 frames"
    assert lines[1].split()[:5] == ["where", "worker", "seconds", "known", "start"]
    assert [line.split("  ")[1] for line in lines[2:8]] == [
        "this machine",
        "modal",
        "modal",
        "runpod",
        "replicate",
        "aws",
    ]
    assert "A10, 4 cores, 2 GiB" in lines[4]
    assert lines[7].endswith("2024")
    assert lines[-1].startswith("  note: a removal uses the CPU only")


def test_scripts_read_each_clip(blank, clip: Path) -> None:
    (message,) = blank("estimate", clip, clip, "--provider", "modal", "--json").messages
    assert message["type"] == "result"
    assert [told["name"] for told in message["clips"]] == ["clip.mp4", "clip.mp4"]
    (line,) = message["clips"][0]["lines"]
    assert (line["provider"], line["gpu"], line["basis"]) == ("modal", None, "assumed")
    assert 0 < line["usd_warm"] <= line["usd_cold"] < 0.01
    assert line["usd_idle"] == pytest.approx((2 * 0.0472 + 16 * 0.008) / 60, abs=1e-6)


def test_a_worker_is_as_the_environment_says_unless_an_option_does(blank, clip: Path, monkeypatch) -> None:
    monkeypatch.setenv("BLANKLOGO_CPU_CORES", "8")
    monkeypatch.setenv("BLANKLOGO_GPU", "L4")
    (message,) = blank("estimate", clip, "--cores", "1", "--json").messages
    told = message["clips"][0]
    assert told["cpu_cores"] == 1
    assert [line["gpu"] for line in told["lines"]] == [None, None, "L4"]


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (("--provider", "nobody"), "modal, runpod, replicate, aws"),
        (("--provider", "runpod"), "accepted: A10"),
        (("--gpu", "RTX"), "T4, L4, A10"),
        (("--cores", "0"), "more than 0"),
        (("--memory", "-1"), "more than 0"),
        (("--cores", "many"), "--help"),
    ],
)
def test_what_is_asked_wrongly_exits_2_and_teaches(blank, clip: Path, extra: tuple[str, ...], said: str) -> None:
    outcome = blank("estimate", clip, *extra)
    assert (outcome.code, outcome.stdout) == (2, "")
    assert said in outcome.stderr


def test_one_file_that_is_no_video_spoils_no_half_answer(blank, clip: Path, tmp_path: Path) -> None:
    outcome = blank("estimate", clip, tmp_path / "nothing.mp4", "--json")
    assert outcome.code == 2
    assert [message["type"] for message in outcome.messages] == ["error"]


def test_the_providers_in_the_help_are_those_in_the_table() -> None:
    assert PROVIDERS == prices.PROVIDERS


@pytest.mark.parametrize(
    ("usd", "is_floor", "words"),
    [(None, False, "-"), (0.0000944, False, "0.000094"), (0.0221, False, "0.0221"), (0.05, True, "from 0.0500")],
)
def test_dollars_are_told_in_digits_that_say_something(usd: float | None, is_floor: bool, words: str) -> None:
    assert usd_words(usd, is_floor) == words
