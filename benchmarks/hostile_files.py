"""Some three hundred files that no video service should trust, made from small clips by a seed.

    truncated  a good clip that ends anywhere
    headers    boxes and elements with sizes and counts that are not so
    fuzzed     bytes changed at random, in headers and in pictures
    noise      random bytes, some behind a good beginning
    disguised  everything but a video under a video's name: archives, pages, playlists, pictures, sound
    bombs      little to send and much to unpack: huge frames, many frames, streams, edits, samples, seconds
    odd        no video in it, or one of a kind that is rarely seen

They come in an order of which every tenth is a fair sample.
"""

from __future__ import annotations

import random
import struct
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import chain, islice, zip_longest
from pathlib import Path

from benchmarks.hostile_bombs import BOMBS
from benchmarks.hostile_disguises import DISGUISES
from benchmarks.hostile_oddities import ODDITIES
from blanklogo.testbed.clips import write_clip
from blanklogo.testbed.scenes import Scene

WIDTH_PX, HEIGHT_PX = 96, 64
BOX = (8, 8, 40, 24)  # where a mark is to be taken out
_NUM_FRAMES = 24
_COUNTED_BOXES = (b"stsz", b"stts", b"stsc", b"stco", b"ctts", b"elst", b"stss")
_SIZED_BOXES = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avcC", b"mdat", b"ftyp", b"edts", b"udta")
_NUMBERS = (0, 1, 7, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x00FFFFFF)

Recipe = tuple[str, str, str, bytes | Callable[[], bytes]]
"""Kind, what, name, and the bytes or what makes them."""


@dataclass(frozen=True)
class HostileFile:
    """One of them.

    Attributes:
        kind: the family, as above.
        what: the file itself, for people.
        name: under which it is sent.
    """

    kind: str
    what: str
    name: str
    data: bytes

    def __repr__(self) -> str:
        return f"{self.kind}: {self.what} ({self.name}, {len(self.data)} bytes)"


def hostile_files(seed: int = 1, every: int = 1) -> Iterator[HostileFile]:
    """Every so many of them, each made when it is asked for; the same for the same seed."""
    clips = _clips()
    chance = random.Random(seed)
    families = (
        _truncated(clips),
        _headers(clips[".mp4"], chance),
        _fuzzed(clips, chance),
        _noise(chance),
        (("disguised", *rest) for rest in DISGUISES),
        (("bombs", *rest) for rest in BOMBS),
        (("odd", what, name, partial(make, clips[".mp4"])) for what, name, make in ODDITIES),
    )
    mixed = (one for one in chain.from_iterable(zip_longest(*map(list, families))) if one is not None)
    for kind, what, name, data in islice(mixed, 0, None, every):
        yield HostileFile(kind, what, name, data if isinstance(data, bytes) else data())


def _clips() -> dict[str, bytes]:
    """A good clip in each container, with sound."""
    scene = Scene("walk", WIDTH_PX, HEIGHT_PX, _NUM_FRAMES, seed=5)
    made = {}
    with tempfile.TemporaryDirectory() as folder:
        for suffix, codec in ((".mp4", "libx264"), (".mkv", "libx264"), (".avi", "mpeg4"), (".ts", "libx264")):
            path = Path(folder) / f"clip{suffix}"
            options = {"preset": "ultrafast"} if codec == "libx264" else {"q": "3"}
            write_clip(path, scene.frames(), Fraction(25), codec, options, "aac" if suffix != ".avi" else "pcm")
            made[suffix] = path.read_bytes()
    return made


def _truncated(clips: dict[str, bytes]) -> Iterator[Recipe]:
    for suffix, data in clips.items():
        for step in range(1, 16):
            length = len(data) * step // 16
            yield ("truncated", f"{suffix} after {step} sixteenths", f"cut{suffix}", data[:length])


def _headers(clip: bytes, chance: random.Random) -> Iterator[Recipe]:
    """Boxes of an MP4: 28 with a wrong count, 33 with a wrong size."""
    for box in _COUNTED_BOXES:
        for number in chance.sample(_NUMBERS, 4):
            # Version and flags come first, and in stsz the size of all samples.
            offset = 12 if box == b"stsz" else 8
            yield _boxed(clip, box, offset, number, f"{box.decode()} counts {number}")
    for box in _SIZED_BOXES:
        for number in chance.sample(_NUMBERS, 3):
            yield _boxed(clip, box, -4, number, f"{box.decode()} is {number} bytes long")


def _boxed(clip: bytes, box: bytes, offset: int, number: int, what: str) -> Recipe:
    at = clip.find(box)
    if at < 0:  # not every clip has this one: then it gets one, at the end
        return ("headers", f"{what}, at the end", "box.mp4", clip + struct.pack(">I", number) + box)
    at += offset
    return ("headers", what, "box.mp4", clip[:at] + struct.pack(">I", number) + clip[at + 4 :])


def _fuzzed(clips: dict[str, bytes], chance: random.Random) -> Iterator[Recipe]:
    for suffix, data in clips.items():
        for part, start, stop in _parts(suffix, data):
            for share in (0.0005, 0.002, 0.01, 0.05, 0.2, 0.5, 1.0):
                changed = bytearray(data)
                for _ in range(max(1, round((stop - start) * share))):
                    changed[chance.randrange(start, stop)] = chance.randrange(256)
                yield ("fuzzed", f"{share:.1%} of the {part} of {suffix}", f"fuzz{suffix}", bytes(changed))


def _parts(suffix: str, data: bytes) -> Iterator[tuple[str, int, int]]:
    if suffix == ".mp4":
        moov, mdat = data.index(b"moov"), data.index(b"mdat")
        yield "header", moov + 4, len(data)
        yield "pictures", mdat + 4, moov - 4
    else:
        yield "header", 4, min(2000, len(data) // 4)
        yield "pictures", min(2000, len(data) // 4), len(data)


_MAGIC: tuple[tuple[str, bytes], ...] = (
    ("nothing", b""),
    ("an MP4's", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"),
    ("a Matroska file's", b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska\x42\x87\x81\x04\x42\x85\x81\x02"),
    ("an AVI's", b"RIFF\xff\xff\xff\x7fAVI LIST\xff\xff\xff\x7fhdrlavih"),
    ("a transport stream's", b"\x47\x40\x11\x10\x00\x42\xf0\x25"),
)  # fmt: skip


def _noise(chance: random.Random) -> Iterator[Recipe]:
    for words, start in _MAGIC:
        for size in (100, 5000, 200_000, 2_000_000):
            yield ("noise", f"{words} beginning and noise", "noise.mp4", start + chance.randbytes(size))
