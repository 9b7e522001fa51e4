"""What is refused, in which words, and that nothing is left behind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from film import digest, names, write_film

from blanklogo import api
from blanklogo.errors import BlankLogoError, CancelledError, OptionError, SourceError, TargetError, VerificationError
from blanklogo.media.frames import Frame
from blanklogo.pipeline import verify
from blanklogo.testbed.cases import Case
from blanklogo.testbed.clips import write_clip
from blanklogo.types import Box, Event, Mode, Platform, Progress, TimeRange

PLACE = Box(90, 70, 130, 100)


def test_a_dry_run_plans_and_writes_nothing(clip: Path, small: Case, untouched: None) -> None:
    report = api.remove(clip, boxes=[small.places[0].box], dry_run=True)
    assert report.watermarks_detected == 1
    assert report.tracks[0].method == "none"
    assert report.frames_processed == small.num_frames
    assert report.output_size_mb == 0


def test_a_dry_run_needs_no_free_target(clip: Path, folder: Path, small: Case) -> None:
    (folder / "clip.clean.mp4").write_bytes(b"mine")
    api.remove(clip, boxes=[small.places[0].box], dry_run=True)
    assert (folder / "clip.clean.mp4").read_bytes() == b"mine"


def test_an_existing_output_is_kept_unless_told(clip: Path, folder: Path, small: Case) -> None:
    target, place = folder / "out.mp4", small.places[0].box
    target.write_bytes(b"mine")
    with pytest.raises(TargetError, match=r"exists.*--overwrite"):
        api.remove(clip, target, boxes=[place])
    assert target.read_bytes() == b"mine"
    api.remove(clip, target, boxes=[place], overwrite=True)
    assert target.read_bytes() != b"mine"
    assert names(folder) == ["clip.mp4", "out.mp4"]


def test_a_failure_leaves_the_old_output(clip: Path, folder: Path) -> None:
    target = folder / "out.mp4"
    target.write_bytes(b"mine")
    with pytest.raises(OptionError):
        api.remove(clip, target, boxes=[Box(9000, 0, 9010, 10)], overwrite=True)
    assert target.read_bytes() == b"mine"


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["clip.mp4", "link.mp4", "twin.mp4", "../films/clip.mp4"])
def test_the_input_is_never_written_to(clip: Path, folder: Path, name: str, overwrite: bool) -> None:
    (folder / "link.mp4").symlink_to(clip)
    (folder / "twin.mp4").hardlink_to(clip)
    before = digest(clip)
    with pytest.raises(TargetError, match="is the input"):
        api.remove(clip, folder / name, boxes=[PLACE], overwrite=overwrite)
    assert digest(clip) == before


@pytest.mark.parametrize(
    ("name", "words"),
    [("none/out.mp4", "does not exist"), ("out.txt", "suffix"), ("out", "suffix"), ("dir.mp4", "fold")],
)
def test_a_target_that_cannot_be(clip: Path, folder: Path, name: str, words: str) -> None:
    (folder / "dir.mp4").mkdir()
    with pytest.raises(TargetError, match=words):
        api.remove(clip, folder / name, boxes=[PLACE])
    assert names(folder) == ["clip.mp4", "dir.mp4"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"boxes": [Box(150, 10, 190, 40)]}, r"outside the frame.*160.*120.*try"),
        ({"boxes": [Box(0, 0, 150, 100)]}, r"more than half.*accepted"),
        ({"boxes": [PLACE], "within": TimeRange(60, 70)}, r"starts at 60 s.*accepted.*1\.16"),
        ({"boxes": [PLACE], "quality": 99}, r"quality 99.*accepted"),
        ({"mode": "magic"}, r"mode 'magic'.*accepted: auto, inpaint, crop"),
        ({"platform": "telly"}, r"platform 'telly'.*accepted: sora, tiktok"),
        ({"boxes": [Box(60, 45, 100, 75)], "mode": "crop"}, r"too far from.*edges.*--mode auto"),
    ],
)
def test_options_that_do_not_fit(clip: Path, options: dict, words: str, untouched: None) -> None:
    with pytest.raises(OptionError, match=words) as caught:
        api.remove(clip, **options)
    assert isinstance(caught.value, ValueError)
    assert caught.value.exit_code == 2


def test_names_of_modes_and_platforms_are_taken_as_words() -> None:
    assert Mode("crop") is Mode.CROP
    assert Platform("sora") is Platform.SORA


def test_detect_refuses_a_platform_by_name(clip: Path, untouched: None) -> None:
    with pytest.raises(OptionError, match="platform 'telly'"):
        api.detect(clip, platform="telly")


def a_picture(path: Path, kind: str) -> Path:
    """A mark's picture that cannot be used."""
    opaque = np.full((20, 30, 3), 200, np.uint8)
    shapes = {
        "no_alpha": opaque,
        "transparent": np.dstack([opaque, np.zeros((20, 30), np.uint8)]),
        "large": np.full((400, 600, 4), 200, np.uint8),
        "grey": np.full((20, 30), 9, np.uint8),
    }
    if kind in shapes:
        cv2.imwrite(str(path), shapes[kind])
    elif kind == "text":
        path.write_text("no picture")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "folder":
        path.mkdir()
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("no_alpha", "no alpha channel.*accepted.*--box"),
        ("grey", "no alpha channel"),
        ("transparent", "all transparent.*accepted"),
        ("large", "600x400 px.*accepted.*160x120"),
        ("text", "no picture.*accepted: a PNG"),
        ("empty", "no picture.*accepted: a PNG"),
        ("missing", "cannot be read.*accepted"),
        ("folder", "cannot be read.*accepted"),
    ],
)
def test_pictures_that_are_no_mark(clip: Path, tmp_path: Path, kind: str, words: str, untouched: None) -> None:
    with pytest.raises(OptionError, match=words):
        api.remove(clip, marks=[a_picture(tmp_path / "mark.png", kind)])


def test_a_pipe_in_a_picture_s_place_is_not_waited_for(clip: Path, tmp_path: Path, untouched: None) -> None:
    os.mkfifo(tmp_path / "mark.png")
    with pytest.raises(OptionError, match=r"not a plain file.*accepted: a PNG"):
        api.remove(clip, marks=[tmp_path / "mark.png"])


@pytest.mark.parametrize(
    "options", [{"boxes": [Box(150, 10, 190, 40)]}, {"marks": ["/nowhere.png"]}, {"codec": "vp9", "target": "out.avi"}]
)
def test_what_can_be_refused_at_once_is_not_looked_for_first(clip: Path, folder: Path, options: dict) -> None:
    heard: list[Event] = []
    if "target" in options:
        options = options | {"target": folder / options["target"]}
    with pytest.raises(OptionError):
        api.remove(clip, on_event=heard.append, **options)
    assert heard == []


def test_detect_refuses_a_range_past_the_end(clip: Path, untouched: None) -> None:
    with pytest.raises(OptionError, match=r"starts at 60 s.*accepted.*1\.16"):
        api.detect(clip, within=TimeRange(60, 70))


@pytest.mark.parametrize("name", ["clip.mp4", "link.png", "twin.png", "mark.png"])
def test_a_preview_never_replaces_what_it_is_made_from(clip: Path, folder: Path, name: str) -> None:
    (folder / "link.png").symlink_to(clip)
    (folder / "twin.png").hardlink_to(clip)
    mark = a_picture(folder / "mark.png", "large")
    before = [digest(clip), digest(mark)]
    with pytest.raises(TargetError, match="is the input"):
        api.preview(clip, folder / name, marks=[mark])
    assert [digest(clip), digest(mark)] == before


def a_source(folder: Path, kind: str) -> Path:
    """Something that is no video."""
    path = folder / "bad.mp4"
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("no film at all\n" * 100)
    elif kind == "folder":
        path.mkdir()
    elif kind == "sound":
        with av.open(str(path), "w") as output:
            audio = output.add_stream("aac", rate=48000, layout="stereo")
            tone = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
            tone.sample_rate = 48000
            output.mux([*audio.encode(tone), *audio.encode(None)])
    return path


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "folder", "sound", "headless"])
@pytest.mark.parametrize("asked", ["remove", "detect", "preview", "estimate_matte"])
def test_sources_that_are_no_video(kind: str, asked: str, folder: Path, small: Case) -> None:
    source = a_source(folder, kind)
    if kind == "headless":  # the index of an MP4 stands at its end
        source.write_bytes(small.marked.read_bytes()[:8000])
    before = names(folder)
    with pytest.raises(SourceError, match=r"bad\.mp4"):
        getattr(api, asked)(source, *([folder / "look.png"] if asked == "preview" else []))
    assert names(folder) == before


def test_a_broken_middle_is_counted_and_got_over(copied: Callable[[Path], Path], walk: Case, folder: Path) -> None:
    clip = copied(walk.marked)
    data = bytearray(clip.read_bytes())
    first = data.index(b"mdat") + 4
    start = first + (len(data) - first) * 45 // 100
    data[start : start + 2500] = np.random.default_rng(1).bytes(2500)
    clip.write_bytes(data)
    before = digest(clip)
    report = api.remove(clip, boxes=[walk.places[0].box])
    assert report.verify.num_damaged_frames > 0
    assert names(folder) == ["clip.clean.mp4", "clip.mp4"]
    assert digest(clip) == before


@pytest.mark.parametrize("stage", ["look", "learn", "restore", "verify"])
def test_a_stop_at_any_stage_leaves_nothing(clip: Path, small: Case, stage: str, untouched: None) -> None:
    heard: set[str] = set()

    def hear(event: Event) -> None:
        if isinstance(event, Progress):
            heard.add(event.stage)

    with pytest.raises(CancelledError) as caught:
        api.remove(clip, boxes=[small.places[0].box], on_event=hear, cancelled=lambda: stage in heard)
    assert stage in heard
    assert "verify" not in heard or stage == "verify"
    assert caught.value.exit_code == 130


@pytest.mark.parametrize("stage", ["look", "learn", "restore", "verify"])
def test_a_listener_that_fails_leaves_nothing(clip: Path, small: Case, stage: str, untouched: None) -> None:
    def hear(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == stage:
            raise RuntimeError("the listener broke")

    with pytest.raises(RuntimeError, match="listener broke"):
        api.remove(clip, boxes=[small.places[0].box], on_event=hear)


def test_progress_is_told_in_order_and_to_the_end(clip: Path, small: Case) -> None:
    heard: list[Progress] = []
    api.remove(
        clip,
        boxes=[small.places[0].box],
        on_event=lambda event: heard.append(event) if isinstance(event, Progress) else None,
    )
    stages = [event.stage for event in heard]
    assert list(dict.fromkeys(stages)) == ["look", "learn", "restore", "verify"]
    for stage in ("look", "restore", "verify"):
        told = [event.done for event in heard if event.stage == stage]
        assert told == sorted(told)
        assert told[-1] == small.num_frames
    assert all(0 <= event.done <= event.total for event in heard)


def test_without_a_mark_another_container_is_refused(bare: Path, copied: Callable[[Path], Path], folder: Path) -> None:
    clip = copied(bare)
    with pytest.raises(TargetError, match=r"no mark.*\.mp4"):
        api.remove(clip, folder / "out.mkv")
    assert names(folder) == ["clip.mp4"]


def remuxed(source: Path, target: Path, *, is_sound_first: bool = False, subtitles: tuple[str, ...] = ()) -> Path:
    """The same packets in another order of streams, and with subtitles."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        streams = sorted(old.streams, key=lambda stream: (stream.type == "video") == is_sound_first)
        copies = {stream.index: new.add_stream_from_template(stream) for stream in streams}
        spoken = new.add_mux_stream("subrip") if subtitles else None
        for number, text in enumerate(subtitles):
            line = av.Packet(text.encode())
            line.stream, line.time_base = spoken, Fraction(1, 1000)
            line.pts = line.dts = 200 * number
            line.duration = 150
            new.mux(line)
        for packet in old.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                new.mux(packet)
    return target


def test_the_sound_may_come_before_the_picture(walk: Case, folder: Path) -> None:
    clip = remuxed(walk.marked, folder / "clip.mp4", is_sound_first=True)
    report = api.remove(clip, boxes=[walk.places[0].box])
    assert (report.frames_processed, report.verify.num_damaged_frames) == (walk.num_frames, 0)


def test_subtitles_that_the_container_does_not_hold_are_told_and_left_out(walk: Case, folder: Path) -> None:
    clip = remuxed(walk.marked, folder / "clip.mkv", subtitles=("one", "two"))
    report = api.remove(clip, folder / "out.mp4", boxes=[walk.places[0].box])
    assert any("subtitle stream 2 (subrip) could not be carried into .mp4" in text for text in report.warnings)
    assert names(folder) == ["clip.mkv", "out.mp4"]


def test_a_result_that_decodes_to_fewer_frames_is_not_kept(
    clip: Path, small: Case, monkeypatch: pytest.MonkeyPatch, untouched: None
) -> None:
    real = verify.VideoReader

    class Short(real):
        def __iter__(self) -> Iterator[Frame]:
            frames = super().__iter__()
            return islice(frames, 20) if ".part" in self.path.name else frames

    monkeypatch.setattr(verify, "VideoReader", Short)
    with pytest.raises(VerificationError, match="fewer frames of the result"):
        api.remove(clip, boxes=[small.places[0].box])


def test_every_refusal_is_of_the_tree(clip: Path, untouched: None) -> None:
    for options in ({"boxes": [Box(0, 0, 1, 999)]}, {"codec": "nothing"}, {"marks": ["/nowhere.png"]}):
        with pytest.raises(BlankLogoError):
            api.remove(clip, **({"boxes": [PLACE]} | options))


def test_frames_too_small_for_a_box_are_refused_in_words(tmp_path: Path) -> None:
    planes = (np.full((8, 8), 90, np.uint8), *(np.full((4, 4), 128, np.uint8),) * 2)
    film = write_film(tmp_path / "tiny.mkv", [planes] * 5, encoder="ffv1", options={})
    with pytest.raises(OptionError, match="frames of 8x8 px, which leave no surroundings"):
        api.remove(film, boxes=[Box(1, 1, 5, 5)])
    assert names(tmp_path) == ["tiny.mkv"]


def test_a_single_frame_without_any_detail_is_no_fault(folder: Path) -> None:
    """Nothing of a mark is to be seen in it, so that its strength is 0, by which nothing may be divided."""
    film = folder / "grey.mp4"
    grey = (np.full((64, 96), 90, np.uint8), np.full((32, 48), 128, np.uint8), np.full((32, 48), 128, np.uint8))
    write_clip(film, iter([grey]), Fraction(25), "libx264", {"preset": "ultrafast"})
    report = api.remove(film, folder / "clean.mp4", boxes=[Box(8, 8, 40, 24)])
    assert report.frames_processed == 1
