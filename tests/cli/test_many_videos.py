"""`remove` with several videos: each on its own, and the code is the worst."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_samples import a_report, no_mark_report

from blanklogo.errors import CancelledError, EncodeError, SourceError
from blanklogo.types import Notice, Progress


@pytest.fixture
def endings(api, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What becomes of each video, by its name: a report or an error; without one, a clean report."""
    told: dict[str, Any] = {}

    def remove(source: Path, target: Path, *, on_event: Callable, cancelled: Callable, **how: Any) -> Any:
        api.calls.append(("remove", (source, target), how))
        on_event(Progress("look", 1, 1))
        on_event(Notice("an odd thing"))
        ending = told.get(source.name, a_report())
        if isinstance(ending, BaseException):
            raise ending
        return ending

    monkeypatch.setattr(sys.modules["blanklogo.api"], "remove", remove)
    return told


def test_each_is_removed_beside_itself_or_into_a_folder(blank, api, endings, tmp_path: Path) -> None:
    outcome = blank("remove", "a/one.mp4", "two.mkv")
    assert outcome.code == 0
    assert [places for _, places, _ in api.calls] == [
        (Path("a/one.mp4"), Path("a/one.clean.mp4")),
        (Path("two.mkv"), Path("two.clean.mkv")),
    ]
    assert outcome.stderr.splitlines()[-1] == "2 videos: 2 clean"
    blank("remove", "a/one.mp4", "two.mkv", "-o", tmp_path)
    assert [places[1] for _, places, _ in api.calls[2:]] == [tmp_path / "one.clean.mp4", tmp_path / "two.clean.mkv"]


def test_one_bad_video_does_not_stop_the_others(blank, api, endings) -> None:
    endings["two.mp4"] = SourceError("two.mp4 is empty", hint="another file")
    endings["three.mp4"] = no_mark_report()
    outcome = blank("remove", "one.mp4", "two.mp4", "three.mp4")
    assert outcome.code == 2
    assert "two.mp4: two.mp4 is empty\n  try: another file\n" in outcome.stderr
    assert outcome.stderr.splitlines()[-1] == "3 videos: 1 clean, 1 without a mark, 1 failed"
    assert len(api.calls) == 3


@pytest.mark.parametrize(
    ("ending", "extra", "code"),
    [
        (no_mark_report(), (), 0),
        (no_mark_report(), ("--strict",), 3),
        (SourceError("empty"), ("--strict",), 2),
        (EncodeError("x264 refused"), (), 1),
        (ZeroDivisionError("ours"), (), 1),
        (CancelledError("stopped"), (), 130),
    ],
)
def test_the_code_is_the_worst(blank, endings, ending: Any, extra: tuple[str, ...], code: int) -> None:
    endings |= {"two.mp4": ending, "three.mp4": no_mark_report()}
    assert blank("remove", "one.mp4", "two.mp4", "three.mp4", *extra).code == code


def test_stopped_means_all_of_them(blank, api, endings) -> None:
    endings["one.mp4"] = CancelledError("stopped")
    outcome = blank("remove", "one.mp4", "two.mp4")
    assert (outcome.code, len(api.calls)) == (130, 1)


def test_every_json_line_names_its_video(blank, endings) -> None:
    endings["two.mp4"] = SourceError("two.mp4 is empty")
    messages = blank("remove", "one.mp4", "two.mp4", "--json").messages
    assert [(message["type"], message["source"]) for message in messages] == [
        *(("progress", "one.mp4"), ("notice", "one.mp4"), ("result", "one.mp4")),
        *(("progress", "two.mp4"), ("notice", "two.mp4"), ("error", "two.mp4")),
    ]


def test_quiet_leaves_the_errors_alone(blank, endings) -> None:
    endings["two.mp4"] = SourceError("it is empty")
    assert blank("remove", "one.mp4", "two.mp4", "--quiet").stderr == "two.mp4: it is empty\n"


def test_another_engine_is_opened_once_for_all(blank, api, endings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLANKLOGO_MAX_WORKERS", "2")
    outcome = blank("remove", "one.mp4", "two.mp4", "three.mp4", "--engine", "pool")
    assert outcome.stderr.splitlines()[-1] == "3 videos: 3 clean"
    (engine,) = {how["engine"] for _, _, how in api.calls}
    assert (engine.name, engine.spec.max_workers, engine.spec.timeout_seconds) == ("pool", 2, 86_400)
    assert engine.stats.num_workers == 0
