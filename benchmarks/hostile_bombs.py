"""Little to send and much to unpack: what, name, and what makes it."""

from __future__ import annotations

import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache, partial
from pathlib import Path

from benchmarks.hostile_making import add_sound, claimed, grown, packets_of, repeated, video
from blanklogo.testbed.clips import write_clip
from blanklogo.testbed.scenes import Scene

_X264 = {"preset": "ultrafast", "tune": "zerolatency"}
_STBL = ("moov", "trak", "mdia", "minf", "stbl")
_HUGE = 1 << 28


@cache
def _clip() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        write_clip(path, Scene("walk", 96, 64, 24, seed=5).frames(), Fraction(25), "libx264", {"preset": "ultrafast"})
        return path.read_bytes()


def _edits(number: int) -> bytes:
    """Each edit shows the whole clip once more."""
    edit = struct.pack(">IiI", 960, 0, 1 << 16)
    return grown(_clip(), ("moov", "trak", "edts", "elst"), lambda _: struct.pack(">II", 0, number) + edit * number)


def _samples(size: int) -> bytes:
    """A sample table that claims a quarter of a thousand million samples in one chunk."""
    clip = grown(_clip(), (*_STBL, "stsz"), lambda _: struct.pack(">III", 0, size, _HUGE))
    clip = grown(clip, (*_STBL, "stsc"), lambda _: struct.pack(">IIIII", 0, 1, 1, _HUGE, 1))
    return grown(clip, (*_STBL, "stts"), lambda _: struct.pack(">IIII", 0, 1, _HUGE, 512))


def _times(number: int, delta: int) -> bytes:
    entry = struct.pack(">II", 1, delta)
    return grown(_clip(), (*_STBL, "stts"), lambda _: struct.pack(">II", 0, number) + entry * number)


def _shifts(number: int) -> bytes:
    held = struct.pack(">II", 0, number) + struct.pack(">Ii", 1, 1 << 30) * number
    return grown(_clip(), _STBL, lambda old: old + struct.pack(">I", 8 + len(held)) + b"ctts" + held)


def _compressed_header(says: int) -> bytes:
    """QuickTime's compressed moov, of zeros."""
    packed = struct.pack(">I", says) + zlib.compress(bytes(50_000_000), 9)
    inner = struct.pack(">I4s4s", 12, b"dcom", b"zlib") + struct.pack(">I4s", 8 + len(packed), b"cmvd") + packed
    cmov = struct.pack(">I4s", 8 + len(inner), b"cmov") + inner
    return b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + struct.pack(">I4s", 8 + len(cmov), b"moov") + cmov


def _nested(name: bytes, depth: int) -> bytes:
    inner = b""
    for _ in range(depth):
        inner = struct.pack(">I4s", 8 + len(inner), name) + inner
    return _clip() + inner


def _fragment(number: int) -> bytes:
    """A fragment's run that claims more samples than there are bytes."""
    trun = struct.pack(">I4sIII", 20, b"trun", 1, number, 0)
    tfhd = struct.pack(">I4sIIII", 24, b"tfhd", 0x18, 1, 512, 1)
    traf = struct.pack(">I4s", 8 + len(tfhd) + len(trun), b"traf") + tfhd + trun
    moof = struct.pack(">I4s", 8 + len(traf), b"moof") + traf
    mvex = struct.pack(">I4sI4sIIIIII", 40, b"mvex", 32, b"trex", 0, 1, 1, 512, 1, 0)
    return grown(_clip(), ("moov",), lambda old: old + mvex) + moof + struct.pack(">I4s", 16, b"mdat") + bytes(8)


def _streams(number: int, container: str) -> bytes:
    def more(output, _stream) -> None:
        add_sound(output, "pcm_s16le" if container == "matroska" else "aac", 1, num_streams=number)

    return video(container=container, more=more)


def _day_of_sound(output, _stream) -> None:
    add_sound(output, "pcm_s16le", 2, apart=675_000)


def _crumbs() -> bytes:
    """A hundred thousand packets of eight samples."""
    return video(more=lambda output, _: add_sound(output, "pcm_s16le", 100_000, 8))


def _worded(num_characters: int) -> bytes:
    return video(more=lambda output, _: output.metadata.update({"title": "a" * num_characters}))


def _chapters(number: int) -> bytes:
    def more(output, _stream) -> None:
        base = Fraction(1, 1000)
        output.set_chapters(
            [{"id": n, "start": n, "end": n + 1, "time_base": base, "metadata": {"title": "a"}} for n in range(number)]
        )

    return video(more=more)


def _jpegs(size: tuple[int, int], number: int) -> bytes:
    container = "avi" if number == 1 else "matroska"
    return claimed("mjpeg", size, packets_of("mjpeg", size)[:1] * number, container)


def _jumping(sizes: tuple[tuple[int, int], ...]) -> bytes:
    return claimed("mjpeg", (64, 64), [packets_of("mjpeg", size)[0] for size in sizes])


def _all() -> Iterator[tuple[str, str, Callable[[], bytes]]]:
    yield "8192 x 8192 of one colour, H.264", "8k.mkv", partial(video, "libx264", (8192, 8192), 1, options=_X264)
    yield "8176 x 8176 of one colour, MPEG-4", "8k.mkv", partial(video, "mpeg4", (8176, 8176), 1)
    yield "8192 x 8192 of one colour, JPEG", "8k.avi", lambda: _jpegs((8192, 8192), 1)
    yield "20 times 8192 x 8192, JPEG", "8k.mkv", lambda: _jpegs((8192, 8192), 20)
    yield "16 x 8192", "thin.mkv", partial(video, "mjpeg", (16, 8192), 3, "yuvj420p")
    yield "says 64 x 64, is 8192 x 8192", "lie.mkv", partial(_jumping, ((8192, 8192),))
    yield "64 x 64, then 8192 x 8192", "grow.mkv", partial(_jumping, ((64, 64), (64, 64), (8192, 8192)))
    yield "64 x 64, then 1024 x 1024", "grow.mkv", partial(_jumping, ((64, 64), (1024, 1024), (64, 64)))
    yield "100,001 frames in MP4", "many.mp4", partial(repeated, 100_001, "mp4")
    yield "100,001 frames in Matroska", "many.mkv", partial(repeated, 100_001, "matroska")
    yield "100,001 frames a millisecond apart", "fast.mp4", partial(repeated, 100_001, "mp4", 1)
    yield "a frame every eleven days", "slow.mkv", partial(video, stamps=lambda n: n * 1_000_000_000)
    yield "a frame every thirty years", "slower.mkv", partial(video, stamps=lambda n: n << 40)
    yield "all at once", "still.mkv", partial(video, "mjpeg", (64, 64), 40, "yuvj420p", stamps=lambda _: 0)
    yield "1000 streams in Matroska", "wide.mkv", partial(_streams, 999, "matroska")
    yield "300 streams in MP4", "wide.mp4", partial(_streams, 300, "mp4")
    yield "1000 edits", "edits.mp4", partial(_edits, 1000)
    yield "500,000 edits", "edits.mp4", partial(_edits, 500_000)
    yield "2^28 samples of one byte", "table.mp4", partial(_samples, 1)
    yield "2^28 samples of no bytes", "table.mp4", partial(_samples, 0)
    yield "500,000 times", "times.mp4", partial(_times, 500_000, 1)
    yield "times that run over", "times.mp4", partial(_times, 24, 0x7FFFFFFF)
    yield "500,000 shifts of time", "shifts.mp4", partial(_shifts, 500_000)
    yield "a compressed header that says its size", "cmov.mov", partial(_compressed_header, 50_000_000)
    yield "a compressed header that says 4 GB", "cmov.mov", partial(_compressed_header, 0xFFFFFFFF)
    yield "10,000 boxes in one another", "deep.mp4", partial(_nested, b"udta", 10_000)
    yield "a fragment of 2^31 samples", "run.mp4", partial(_fragment, 0x7FFFFFFF)
    yield "a fragment of 2^24 samples", "run.mp4", partial(_fragment, 1 << 24)
    yield "half a million empty boxes", "crumbs.mp4", lambda: _clip() + struct.pack(">I4s", 8, b"free") * 500_000
    yield "100,000 crumbs of sound", "crumbs.mkv", _crumbs
    yield "a title of 20 MB", "words.mkv", partial(_worded, 20_000_000)
    yield "20,000 chapters", "book.mkv", partial(_chapters, 20_000)
    yield "sound that ends in a day", "long.mkv", partial(video, more=_day_of_sound)


BOMBS = tuple(_all())
