"""Hard clips, made on the spot. Each recipe is a function; `clip` gives the file of a recipe by its name."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.codec.context import Flags

from blanklogo.media.planes import PlaneFormat, plane_views

QUARTER_TURN = (0, 65536, 0, -65536, 0, 0, 0, 0, 1073741824)
HDR10 = (
    "hdr10-opt=1:repeat-headers=1:log-level=none:max-cll=1000,400:"
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
)


@dataclass(frozen=True)
class Recipe:
    """A clip: what is encoded, with which time stamps, and what goes beside it."""

    suffix: str = ".mp4"
    encoder: str = "libx264"
    options: dict[str, str] = field(default_factory=dict)
    pixel_format: str = "yuv420p"
    size: tuple[int, int] = (96, 64)
    time_base: Fraction = Fraction(1, 12800)
    stamps: Sequence[int] = tuple(range(0, 12 * 512, 512))
    durations: Sequence[int] = ()
    audio_tracks: int = 0
    audio_delay_seconds: float = 0.0
    is_audio_first: bool = False
    subtitles: bool = False
    chapters: bool = False
    cover: bool = False
    timecode: str | None = None
    rotation: Sequence[int] | None = None
    pixel_aspect: Fraction = Fraction(1)
    colour: tuple[int, int, int, int] = (1, 1, 1, 1)
    tags: dict[str, str] = field(default_factory=dict)
    interlaced: str = ""


VFR_STAMPS = (0, 512, 600, 1900, 2412, 5000, 5001, 7000, 9000, 9100, 9200, 12000)
FAST = {"preset": "ultrafast", "crf": "18"}
B_FRAMES = {"preset": "veryfast", "crf": "18", "x264-params": "bframes=3:b-adapt=0:keyint=6:scenecut=0"}

OPEN_GOP = {
    "preset": "veryfast", "crf": "18", "x264-params": "bframes=3:b-adapt=0:keyint=9:scenecut=0:open-gop=1",
}  # fmt: skip

RECIPES: dict[str, Recipe] = {
    "cfr": Recipe(options=FAST, audio_tracks=1),
    "silent": Recipe(options=FAST),
    "b_frames": Recipe(options=B_FRAMES, audio_tracks=1),
    "audio_first": Recipe(options=B_FRAMES, audio_tracks=1, is_audio_first=True),
    "vfr": Recipe(options=B_FRAMES, stamps=VFR_STAMPS, durations=(*np.diff(VFR_STAMPS).tolist(), 2560), audio_tracks=1),
    "gaps": Recipe(options=FAST, stamps=(0, 512, 1024, 64000, 64512, 65024, 128000), audio_tracks=1),
    "late_start": Recipe(options=B_FRAMES, stamps=tuple(range(25600, 25600 + 12 * 512, 512))),
    "late_audio": Recipe(options=FAST, audio_tracks=1, audio_delay_seconds=0.3),
    "late_all": Recipe(
        options=B_FRAMES, stamps=tuple(range(25611, 25611 + 12 * 512, 512)), audio_tracks=2,
        audio_delay_seconds=2.12345,
    ),
    "slow_clock": Recipe(".mov", options=FAST, time_base=Fraction(1, 600), stamps=tuple(range(0, 240, 20))),
    "ntsc": Recipe(options=B_FRAMES, time_base=Fraction(1, 30000), stamps=tuple(range(0, 12012, 1001))),
    "mkv": Recipe(
        ".mkv", options=B_FRAMES, time_base=Fraction(1, 1000), stamps=tuple(range(0, 480, 40)), audio_tracks=1
    ),
    "avi": Recipe(
        ".avi", "mpeg4", {"q": "2"}, time_base=Fraction(1, 25), stamps=tuple(range(12)), audio_tracks=1
    ),
    "webm": Recipe(
        ".webm", "libvpx-vp9", {"crf": "20", "b": "0", "cpu-used": "8"}, time_base=Fraction(1, 1000),
        stamps=tuple(range(0, 480, 40)), audio_tracks=1,
    ),
    "ten_bit": Recipe(options=FAST, pixel_format="yuv420p10le"),
    "ten_bit_422": Recipe(".mov", options=FAST, pixel_format="yuv422p10le"),
    "hevc": Recipe(encoder="libx265", options={"preset": "ultrafast", "x265-params": "log-level=none"}),
    "hdr10": Recipe(
        encoder="libx265", options={"preset": "ultrafast", "x265-params": HDR10}, pixel_format="yuv420p10le",
        colour=(9, 16, 9, 1),
    ),
    "twelve_bit": Recipe(
        encoder="libx265", options={"preset": "ultrafast", "x265-params": "log-level=none"}, pixel_format="yuv420p12le"
    ),
    "yuv422": Recipe(options=FAST, pixel_format="yuv422p"),
    "yuv444": Recipe(options=FAST, pixel_format="yuv444p"),
    "full_range": Recipe(options=FAST, pixel_format="yuvj420p", colour=(1, 1, 1, 2)),
    "rotated": Recipe(options=FAST, rotation=QUARTER_TURN),
    "anamorphic": Recipe(options=FAST, pixel_aspect=Fraction(16, 11)),
    "odd_444": Recipe(options=FAST, pixel_format="yuv444p", size=(161, 91)),
    "odd_420": Recipe(
        ".webm", "libvpx-vp9", {"crf": "20", "b": "0", "cpu-used": "8"}, size=(161, 91), time_base=Fraction(1, 1000),
        stamps=tuple(range(0, 240, 40)),
    ),
    "odd_mjpeg": Recipe(
        ".avi", "mjpeg", {"q": "2"}, pixel_format="yuvj420p", size=(161, 91), time_base=Fraction(1, 25),
        stamps=tuple(range(6)), colour=(1, 1, 5, 2),
    ),
    "many_streams": Recipe(
        ".mkv", options=FAST, time_base=Fraction(1, 1000), stamps=tuple(range(0, 480, 40)), audio_tracks=2,
        subtitles=True, chapters=True, tags={"title": "many", "comment": "Kommentar äöü"},
    ),
    "chapters": Recipe(
        options=FAST, audio_tracks=2, chapters=True,
        tags={"title": "chapters", "creation_time": "2020-01-02T03:04:05.000000Z"},
    ),
    "cover": Recipe(options=FAST, audio_tracks=1, cover=True),
    "timecode": Recipe(".mov", options=FAST, timecode="01:02:03:04", tags={"com.example.key": "kept"}),
    "interlaced": Recipe(options=FAST, size=(96, 64), interlaced="tff"),
    "interlaced_bff": Recipe(options=FAST, size=(96, 64), interlaced="bff"),
    "long": Recipe(options=B_FRAMES, size=(192, 108), stamps=tuple(range(0, 60 * 512, 512)), audio_tracks=1),
    "long_mkv": Recipe(
        ".mkv", options=B_FRAMES, size=(192, 108), time_base=Fraction(1, 1000), stamps=tuple(range(0, 2400, 40)),
        audio_tracks=1,
    ),
    "ten_seconds": Recipe(options=FAST, size=(320, 180), stamps=tuple(range(0, 250 * 512, 512)), audio_tracks=1),
    "two_minutes": Recipe(options=FAST, size=(320, 180), stamps=tuple(range(0, 3000 * 512, 512)), audio_tracks=1),
    "open_gop": Recipe(options=OPEN_GOP, stamps=tuple(range(0, 36 * 512, 512))),
    "mpeg_ts": Recipe(
        ".ts", options=OPEN_GOP, time_base=Fraction(1, 90000), stamps=tuple(range(0, 36 * 3600, 3600)), audio_tracks=1,
    ),
    "one_frame": Recipe(options=FAST, stamps=(0,)),
    "tiny": Recipe(options=FAST, size=(8, 8)),
    "av1": Recipe(
        encoder="libsvtav1", options={"preset": "12", "crf": "20", "svtav1-params": "lp=1"}, size=(128, 96),
    ),
    "ffv1": Recipe(".mkv", "ffv1", time_base=Fraction(1, 1000), stamps=tuple(range(0, 240, 40))),
}  # fmt: skip


def picture(index: int, width: int, height: int, name: str) -> av.VideoFrame:
    """A textured picture that moves: a gradient, a wave and a square, in code values of the format."""
    layout = PlaneFormat.from_name(name)
    frame = av.VideoFrame(width, height, name)
    for number, plane in enumerate(plane_views(frame, layout.dtype, is_writeable=True)):
        rows, columns = np.indices(plane.shape)
        wave = 40 * np.sin((columns + 3 * index) / 5 + number) + 30 * np.cos(rows / 7 - index / 3)
        plane[...] = (128 + wave) * (1 << (layout.bit_depth - 8))
        plane[2 : 2 + plane.shape[0] // 4, (index * 2) % plane.shape[1]] = 200 << (layout.bit_depth - 8)
    return frame


def make_clip(path: Path, recipe: Recipe) -> Path:
    """Writes the clip of a recipe."""
    with av.open(str(path), "w") as output:
        output.metadata.update(recipe.tags)
        video = None if recipe.is_audio_first else _add_video(output, recipe)
        audios = [_add_audio(output, path.suffix, number) for number in range(recipe.audio_tracks)]
        video = video or _add_video(output, recipe)
        subtitle = _add_subtitle(output) if recipe.subtitles else None
        cover = _add_cover(output) if recipe.cover else None
        if recipe.chapters:
            output.set_chapters(_chapters())
        output.start_encoding()
        if cover is not None:
            _mux_cover(output, cover)
        for audio in audios:
            _mux_audio(output, audio, recipe)
        if subtitle is not None:
            _mux_subtitles(output, subtitle)
        _mux_video(output, video, recipe)
    return path


def _add_video(output, recipe: Recipe):
    width, height = recipe.size
    video = output.add_stream(
        recipe.encoder, rate=25, options=dict(recipe.options), time_base=recipe.time_base, width=width, height=height
    )
    video.pix_fmt = recipe.pixel_format
    context = video.codec_context
    context.sample_aspect_ratio = recipe.pixel_aspect
    context.color_primaries, context.color_trc, context.colorspace, context.color_range = recipe.colour
    context.thread_count = 1
    context.flags |= Flags.frame_duration
    if recipe.interlaced:
        context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        context.field_order = 2 if recipe.interlaced == "tff" else 3
        video.options["x264opts"] = f"{recipe.interlaced}=1"
    if recipe.timecode:
        video.metadata["timecode"] = recipe.timecode
    video.set_display_matrix(recipe.rotation)
    if output.format.name in ("mp4", "mov"):
        output.container_options["video_track_timescale"] = str(recipe.time_base.denominator)
        if any("." in key for key in recipe.tags):
            output.container_options["movflags"] = "use_metadata_tags"
    return video


def _mux_video(output, video, recipe: Recipe) -> None:
    durations = recipe.durations or [0] * len(recipe.stamps)
    for index, (stamp, duration) in enumerate(zip(recipe.stamps, durations, strict=True)):
        frame = picture(index, *recipe.size, recipe.pixel_format)
        frame.pts, frame.time_base, frame.duration = stamp, recipe.time_base, duration
        output.mux(video.encode(frame))
    output.mux(video.encode(None))


def _add_audio(output, suffix: str, number: int):
    # MP3 and AAC start below zero, which would shift everything in AVI.
    name = {".webm": "libopus", ".avi": "pcm_s16le"}.get(suffix, "aac")
    audio = output.add_stream(name, rate=48000)
    audio.metadata["language"] = ("eng", "deu")[number]
    return audio


def _mux_audio(output, audio, recipe: Recipe) -> None:
    seconds = float((recipe.stamps[-1] - recipe.stamps[0]) * recipe.time_base) + 0.04
    resampler = av.AudioResampler(audio.codec_context.format, "stereo", 48000)
    start = round(recipe.audio_delay_seconds * 48000)
    fifo = av.AudioFifo()
    tone = np.sin(np.arange(int(seconds * 48000)) / 20).astype(np.float32) * 0.2
    sound = av.AudioFrame.from_ndarray(np.stack([tone, tone]), format="fltp", layout="stereo")
    sound.sample_rate, sound.pts, sound.time_base = 48000, 0, Fraction(1, 48000)
    for part in resampler.resample(sound):
        fifo.write(part)
    size = audio.codec_context.frame_size or 1152
    position = start
    while (chunk := fifo.read(size, partial=True)) is not None:
        chunk.pts, chunk.time_base = position, Fraction(1, 48000)
        position += chunk.samples
        output.mux(audio.encode(chunk))
    output.mux(audio.encode(None))


def _add_subtitle(output):
    return output.add_mux_stream("subrip")


def _mux_subtitles(output, subtitle) -> None:
    for number in range(2):
        packet = av.Packet(f"line {number}".encode())
        packet.stream, packet.time_base = subtitle, Fraction(1, 1000)
        packet.pts = packet.dts = 200 * number
        packet.duration = 150
        output.mux(packet)


def _add_cover(output):
    cover = output.add_stream("mjpeg", rate=1)
    cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
    cover.disposition = av.stream.Disposition.attached_pic
    return cover


def _mux_cover(output, cover) -> None:
    frame = picture(0, 32, 32, "yuvj420p")
    frame.pts = 0
    output.mux(cover.encode(frame))
    output.mux(cover.encode(None))


def _chapters() -> list[dict]:
    unit = Fraction(1, 1000)
    return [
        {"id": 1, "start": 0, "end": 200, "time_base": unit, "metadata": {"title": "first"}},
        {"id": 2, "start": 200, "end": 480, "time_base": unit, "metadata": {"title": "second"}},
    ]


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The file of a recipe, made once."""
    folder = tmp_path_factory.mktemp("clips")

    def made(name: str) -> Path:
        path = folder / f"{name}{RECIPES[name].suffix}"
        return path if path.exists() else make_clip(path, RECIPES[name])

    return made


@pytest.fixture(scope="session")
def clip_with_stamps(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Sequence[int]], Path]:
    """A clip with B-frames whose frames are shown at these ticks of 1/12800 s."""

    def made(stamps: Sequence[int]) -> Path:
        recipe = replace(RECIPES["b_frames"], stamps=tuple(stamps), size=(32, 32), audio_tracks=0)
        return make_clip(tmp_path_factory.mktemp("stamps") / "clip.mp4", recipe)

    return made


@pytest.fixture
def damaged(clip: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A clip with noise over a tenth of its middle."""

    def made(name: str) -> Path:
        source = clip(name)
        data = bytearray(source.read_bytes())
        start, end = len(data) * 4 // 10, len(data) // 2
        data[start:end] = np.random.default_rng(0).integers(0, 256, end - start, dtype=np.uint8).tobytes()
        path = tmp_path / f"damaged{source.suffix}"
        path.write_bytes(data)
        return path

    return made


@pytest.fixture
def truncated(clip: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """The first two thirds of a clip."""

    def made(name: str) -> Path:
        source = clip(name)
        data = source.read_bytes()
        path = tmp_path / f"truncated{source.suffix}"
        path.write_bytes(data[: len(data) * 2 // 3])
        return path

    return made


@pytest.fixture
def audio_only(tmp_path: Path) -> Path:
    """Sound and no picture."""
    path = tmp_path / "sound.m4a"
    with av.open(str(path), "w") as output:
        _mux_audio(output, _add_audio(output, ".mp4", 0), RECIPES["cfr"])
    return path


@pytest.fixture
def without_frames(tmp_path: Path) -> Path:
    """A header that promises a video, and nothing after it."""
    path = tmp_path / "none.mkv"
    with av.open(str(path), "w") as output:
        output.add_stream("libx264", rate=25, width=64, height=64)
        output.start_encoding()
    return path


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    """No test leaves a thread of BlankLogo behind."""
    yield
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("blanklogo-")]
    assert not left
