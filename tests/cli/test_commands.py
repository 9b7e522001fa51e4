"""What each command asks of the library, says, and exits with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cli_samples import a_report, no_mark_report

from blanklogo.errors import CancelledError, EncodeError, SourceError
from blanklogo.types import Box, Detection, Networks, Notice, PixelShares, Progress, TimeRange, Verification


def test_remove_asks_for_what_it_was_told(blank, api) -> None:
    outcome = blank(
        *("remove", "a/clip.mp4", "--mode", "inpaint", "--platform", "tiktok", "--mark", "m.png", "--mark", "n.png"),
        *("--box", "24,18,180,64", "--from", "3", "--to", "1:05.5", "--codec", "hevc", "--quality", "20"),
        *("--overwrite", "--dry-run", "--chunks", "3", "--detector", "mine", "--inpainter", "none", "--device", "cpu"),
    )
    assert outcome.code == 0
    ((_, places, how),) = api.calls
    assert places == (Path("a/clip.mp4"), Path("a/clip.clean.mp4"))
    assert how == {
        "mode": "inpaint",
        "platform": "tiktok",
        "codec": "hevc",
        "quality": 20.0,
        "overwrite": True,
        "dry_run": True,
        "chunks": 3,
        "marks": (Path("m.png"), Path("n.png")),
        "boxes": (Box(24, 18, 204, 82),),
        "within": TimeRange(3, 65.5),
        "networks": Networks("mine", "none", "cpu"),
    }  # no engine: inline is this thread


@pytest.mark.parametrize("name", ["moon", "pool,moon", "pool,", ""])
def test_an_engine_that_is_none_is_refused_before_anything_is_done(blank, api, name: str) -> None:
    outcome = blank("remove", "clip.mp4", "--engine", name)
    assert outcome.code == 2
    assert "inline, pool, modal, ray" in outcome.stderr
    assert not api.calls


def test_several_engines_are_one_for_the_library(blank, api) -> None:
    assert blank("remove", "clip.mp4", "--engine", "inline,pool").code == 0
    engine = api.calls[0][2]["engine"]
    assert [each.name for each in engine.engines] == ["inline", "pool"]


def test_an_address_is_for_ray_only(blank, api) -> None:
    outcome = blank("remove", "clip.mp4", "--engine", "pool", "--address", "10.0.0.1:6379")
    assert outcome.code == 2
    assert "10.0.0.1:6379" in outcome.stderr


@pytest.mark.parametrize(
    ("source", "target"), [("clip.mp4", "clip.clean.mp4"), ("a.b.mkv", "a.b.clean.mkv"), ("clip", "clip.clean")]
)
def test_the_default_output_stands_beside_the_input(blank, api, source: str, target: str) -> None:
    blank("remove", source)
    assert api.calls[0][1][1] == Path(target)


def test_settings_are_the_defaults_and_options_win(blank, api, monkeypatch) -> None:
    monkeypatch.setenv("BLANKLOGO_REMOVE_MODE", "crop")
    monkeypatch.setenv("BLANKLOGO_REMOVE_OVERWRITE", "true")
    blank("remove", "clip.mp4", "--no-overwrite")
    how = api.calls[0][2]
    assert (how["mode"], how["overwrite"]) == ("crop", False)


def test_networks_come_from_options_settings_and_where_weights_lie(blank, api, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BLANKLOGO_REMOVE_DETECTOR", "none")
    monkeypatch.setenv("BLANKLOGO_MODELS", str(tmp_path))
    blank("remove", "clip.mp4", "--device", "cpu")
    blank("detect", "clip.mp4", "--detector", "auto")
    (_, _, removed), (_, _, detected) = api.calls
    assert removed["networks"] == Networks(detector="none", device="cpu", folder=tmp_path)
    assert detected["networks"] == Networks(folder=tmp_path)


def test_a_device_that_is_none_is_refused(blank, api) -> None:
    outcome = blank("remove", "clip.mp4", "--device", "tpu")
    assert outcome.code == 2
    assert "auto, cpu, cuda" in outcome.stderr
    assert not api.calls


def test_the_summary_says_what_was_found_and_proved(blank, api) -> None:
    outcome = blank("remove", "clip.mp4")
    assert outcome.stdout == ""
    assert outcome.stderr.splitlines() == [
        "clip.mp4: 1 mark",
        "  24,18,180,64, 0:00.0 to 1:05.5: found (97% sure), un-blended",
        "  pixels: 93% un-blended, 7% invented",
        "  left of the mark: 1.2%, 2.0% in the worst frames",
        "  elsewhere: 51.3 dB, every frame and time kept, other streams byte-equal",
        "clean: clip.clean.mp4 (2.4 MB in, 2.3 MB out, 6.1 s)",
    ]


def test_a_result_that_needs_a_look_says_so_loudly(blank, api) -> None:
    api.answers("remove", a_report("needs_review", warnings=("much of the mark is left",)))
    api.events = [Notice("much of the mark is left")]
    outcome = blank("remove", "clip.mp4")
    assert outcome.code == 0
    assert outcome.stderr.count("much of the mark is left") == 1
    assert outcome.stderr.splitlines()[-1].startswith("NEEDS REVIEW: look at clip.clean.mp4")


def test_a_dry_run_says_that_nothing_was_written(blank, api) -> None:
    outcome = blank("remove", "clip.mp4", "--dry-run", "--json")
    assert outcome.messages[-1]["output"] is None
    planned = replace(a_report().tracks[0], method="none")
    api.answers("remove", a_report(tracks=(planned,)))
    assert blank("remove", "clip.mp4", "--dry-run").stderr.splitlines() == [
        "clip.mp4: 1 mark",
        "  24,18,180,64, 0:00.0 to 1:05.5: found (97% sure)",
        "dry run, nothing written (6.1 s)",
    ]


def test_a_crop_tells_no_shares(blank, api) -> None:
    cut = replace(a_report().tracks[0], method="crop", found_by="box")
    proof = Verification("clean")
    api.answers("remove", a_report(tracks=(cut,), pixels=PixelShares(), verify=proof))
    lines = blank("remove", "clip.mp4", "--mode", "crop").stderr.splitlines()
    assert lines[1:-1] == [
        "  24,18,180,64, 0:00.0 to 1:05.5: given by box, cut off",
        "  elsewhere: every frame and time kept, other streams byte-equal",
    ]


@pytest.mark.parametrize(("extra", "code"), [((), 0), (("--strict",), 3)])
def test_no_mark_is_done_unless_strict(blank, api, extra: tuple[str, ...], code: int) -> None:
    api.answers("remove", no_mark_report())
    outcome = blank("remove", "clip.mp4", *extra)
    assert outcome.code == code
    assert "no mark" in outcome.stderr
    assert "byte-for-byte copy" in outcome.stderr


def test_json_is_ndjson_and_nothing_else(blank, api) -> None:
    api.events = [Progress("look", 0, 0), Progress("look", 9, 9), Notice("an odd thing"), Progress("restore", 1, 300)]
    outcome = blank("remove", "clip.mp4", "--json")
    assert outcome.stderr == ""
    assert [message["type"] for message in outcome.messages] == ["progress"] * 2 + ["notice", "progress", "result"]
    assert outcome.messages[1] == {"type": "progress", "stage": "look", "done": 9, "total": 9}
    written = {"source": "clip.mp4", "output": "clip.clean.mp4", "report": a_report().as_dict()}
    assert outcome.messages[-1] == {"type": "result", **written}


def test_progress_lines_stay_few(blank, api) -> None:
    api.events = [Progress("restore", done, 5000) for done in range(5001)]
    stages = [message for message in blank("remove", "clip.mp4", "--json").messages if message["type"] == "progress"]
    assert len(stages) < 50
    assert stages[-1]["done"] == 5000


def test_an_endless_range_is_null_in_json(blank, api) -> None:
    tracks = api.detection.tracks
    endless = Detection(tracks[:0], (TimeRange(),), "the camera never moves; --box or --mark would settle it")
    api.answers("detect", endless)
    message = blank("detect", "clip.mp4", "--json").messages[-1]
    assert message["shots"] == [[0.0, None]]
    assert message["abstained"].startswith("the camera never moves")


def test_detect_tells_places_as_box_takes_them(blank, api) -> None:
    outcome = blank("detect", "clip.mp4")
    assert outcome.stdout.splitlines() == ["clip.mp4: 1 mark", "  24,18,180,64, 0:00.0 to 1:05.5 (97% sure)"]


def test_detect_draws_what_it_found(blank, api, tmp_path: Path) -> None:
    message = blank("detect", "clip.mp4", "--json", "--preview", tmp_path / "found.png").messages[-1]
    assert message["preview"] == str(tmp_path / "found.png")
    assert api.calls[-1][2]["boxes"] == (Box(24, 18, 204, 82),)


def test_matte_writes_the_picture_and_says_how_far_to_trust_it(blank, api, tmp_path: Path) -> None:
    target = tmp_path / "mark.png"
    outcome = blank("matte", "clip.mp4", "-o", target, "--box", "24,18,180,64", "--platform", "sora")
    asked, saved = api.calls
    assert asked[2] == {
        "box": Box(24, 18, 204, 82),
        "platform": "sora",
        "within": TimeRange(),
        "networks": Networks(),
    }
    assert saved[1] == (target,)
    assert "60% opaque at most, learnt from 7.3 independent backgrounds" in outcome.stderr
    assert blank("matte", "clip.mp4", "-o", target, "--json").messages[-1] == {
        "type": "result",
        "output": str(target),
        "box": [24, 18, 204, 82],
        "origin": "blind",
        "effective_backgrounds": 7.3,
        "alpha_max": 0.6,
    }


def test_preview_hands_on_marks_and_boxes(blank, api, tmp_path: Path) -> None:
    outcome = blank("preview", "clip.mp4", "-o", tmp_path / "look.png", "--mark", "m.png", "--box", "0,0,8,8")
    ((_, places, how),) = api.calls
    assert places == (Path("clip.mp4"), tmp_path / "look.png")
    assert (how["marks"], how["boxes"]) == ((Path("m.png"),), (Box(0, 0, 8, 8),))
    assert outcome.stderr == "wrote look.png\n"


@pytest.mark.parametrize("command", ["matte", "preview"])
def test_a_picture_in_the_way_is_replaced_on_request_only(blank, api, tmp_path: Path, command: str) -> None:
    target = tmp_path / "there.png"
    target.touch()
    refused = blank(command, "clip.mp4", "-o", target)
    assert refused.code == 2
    assert "--overwrite" in refused.stderr
    assert api.calls == []
    assert blank(command, "clip.mp4", "-o", target, "--overwrite").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("remove",), "Missing argument 'IN'"),
        (("remove", "a.mp4", "--engine", "moon"), "inline, pool, modal, ray"),
        (("remove", "a.mp4", "b.mp4", "-o", "nowhere"), "mkdir -p nowhere"),
        (("remove", "a/clip.mp4", "b/clip.mp4", "-o", "."), "2 videos would be written to clip.clean.mp4"),
        (("remove", "a.mp4", "--boxx", "1"), "No such option: --boxx"),
        (("remove", "a.mp4", "--box", "1,2"), "X,Y,W,H"),
        (("remove", "a.mp4", "--mode", "blur"), "auto, inpaint, crop"),
        (("remove", "a.mp4", "--platform", "vimeo"), "sora, tiktok"),
        (("remove", "a.mp4", "--codec", "divx"), "h264, hevc"),
        (("remove", "a.mp4", "--quality", "best"), "0 (lossless) to 51 (worst)"),
        (("remove", "a.mp4", "--from", "soon"), "1:05.5"),
        (("preview", "a.mp4", "-o", "look.jpg"), ".png"),
        (("preview", "a.mp4", "-o", "no/such/folder/look.png"), "mkdir -p"),
        (("detect", "a.mp4", "--platform", "vimeo"), "sora, tiktok"),
        (("matte", "a.mp4"), "Missing option"),
        (("repair", "a.mp4"), "No such command 'repair'"),
        (("config", "shwo"), "No such command 'shwo'"),
    ],
)
def test_what_is_asked_wrongly_exits_2_and_teaches(blank, api, arguments: tuple[str, ...], said: str) -> None:
    outcome = blank(*arguments)
    assert outcome.code == 2
    assert outcome.stdout == ""
    assert outcome.stderr.startswith("blanklogo: ")
    assert said in outcome.stderr
    assert api.calls == []


@pytest.mark.parametrize(
    "arguments", [("preview", "-o"), ("matte", "-o"), ("detect", "--preview")], ids=lambda arguments: arguments[0]
)
def test_a_picture_s_place_is_looked_at_before_the_work(blank, api, tmp_path: Path, arguments: tuple[str, str]) -> None:
    command, option = arguments
    clip, folder = tmp_path / "clip.png", tmp_path / "folder.png"
    clip.touch()
    folder.mkdir()
    extra = () if command == "detect" else ("--overwrite",)
    for target, said in (
        (clip, "is the input"),
        (folder, "is a folder"),
        (clip / "look.png", "is no folder"),
        (tmp_path / ("x" * 300 + ".png"), "File name too long"),
        (tmp_path / "no" / "look.png", "mkdir -p"),
        (tmp_path / "look.jpg", f"blanklogo: {option} "),
    ):
        outcome = blank(command, clip, option, target, *extra)
        assert (outcome.code, api.calls) == (2, [])
        assert said in outcome.stderr


def test_out_of_memory_is_no_fault_of_ours(blank, api) -> None:
    api.failure = MemoryError("Unable to allocate 1.76 MiB")
    outcome = blank("remove", "a.mp4")
    assert outcome.code == 1
    assert outcome.stderr.startswith("blanklogo: out of memory\n")


def test_errors_become_lines_and_exit_codes(blank, api) -> None:
    api.failure = SourceError("a.mp4 is empty", accepted="a video", hint="another file")
    outcome = blank("remove", "a.mp4")
    assert (outcome.code, outcome.stderr) == (
        2,
        "blanklogo: a.mp4 is empty\n  accepted: a video\n  try: another file\n",
    )
    api.failure = EncodeError("x264 refused")
    assert blank("remove", "a.mp4").code == 1


def test_an_error_is_the_last_json_line(blank, api) -> None:
    api.failure = SourceError("a.mp4 is empty", hint="another file")
    assert blank("remove", "a.mp4", "--json").messages[-1] == {
        "type": "error",
        "error": "SourceError",
        "message": "a.mp4 is empty; try: another file",
        "came": "a.mp4 is empty",
        "accepted": None,
        "hint": "another file",
        "exit_code": 2,
    }
    assert blank("remove", "--json").messages[-1]["error"] == "OptionError"


def test_a_fault_of_ours_shows_where_and_exits_1(blank, api) -> None:
    api.failure = ZeroDivisionError("division by zero")
    outcome = blank("remove", "a.mp4")
    assert outcome.code == 1
    assert "Traceback" in outcome.stderr
    assert "unexpected ZeroDivisionError" in outcome.stderr


@pytest.mark.parametrize("failure", [CancelledError("stopped"), KeyboardInterrupt()])
def test_stopped_is_130(blank, api, failure: BaseException) -> None:
    api.failure = failure
    outcome = blank("remove", "a.mp4")
    assert outcome.code == 130
    assert "Traceback" not in outcome.stderr


def test_names_of_strangers_do_not_reach_the_terminal_raw(blank, api) -> None:
    name = "cl\x1b[31mip\udc80é.mp4"
    api.answers("detect", Detection((), (TimeRange(0, 1),)))
    assert blank("detect", name).stdout == "cl\\x1b[31mip\\udc80é.mp4: no mark\n"
    api.failure = SourceError(f"{name} is empty")
    assert blank("remove", name).stderr == "blanklogo: cl\\x1b[31mip\\udc80é.mp4 is empty\n"
    outcome = blank("remove", name, "--json")
    assert outcome.stdout.isascii()
    assert outcome.messages[-1]["came"] == f"{name} is empty"


def test_quiet_leaves_the_errors(blank, api) -> None:
    assert blank("remove", "a.mp4", "--quiet").stderr == ""
    api.failure = SourceError("a.mp4 is empty")
    assert "is empty" in blank("remove", "a.mp4", "--quiet").stderr


def test_alone_it_teaches(blank) -> None:
    outcome = blank()
    assert outcome.code == 0
    assert "remove" in outcome.stdout


def test_version(blank) -> None:
    outcome = blank("--version")
    assert (outcome.code, outcome.stdout) == (0, "blanklogo 0.1.0\n")
