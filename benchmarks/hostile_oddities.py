"""No video in it, or one that is rarely seen: what, name, and what makes it of a good MP4."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial

import av
from av.stream import Disposition

from benchmarks.hostile_disguises import png, subtitles
from benchmarks.hostile_making import add_sound, claimed, grown, packets_of, sound, video

Make = Callable[[bytes], bytes]
_STSD = ("moov", "trak", "mdia", "minf", "stbl", "stsd")


def _renamed(old: bytes, new: bytes, clip: bytes) -> bytes:
    return clip.replace(old, new, 1)


def _encrypted(scheme: bytes, clip: bytes) -> bytes:
    """The sample entry of common encryption (ISO/IEC 23001-7), with nothing encrypted."""

    def entry(old: bytes) -> bytes:
        sinf = b"\0\0\0\x0cfrmaavc1" + b"\0\0\0\x14schm\0\0\0\0" + scheme + b"\0\1\0\0"
        body = old[16:].replace(b"avc1", b"encv", 1) + (8 + len(sinf)).to_bytes(4, "big") + b"sinf" + sinf
        return old[:8] + (8 + len(body)).to_bytes(4, "big") + b"encv" + body

    return grown(clip, _STSD, entry)


def _elsewhere(clip: bytes) -> bytes:
    """Its pictures are said to lie in another file."""
    place = b"file:///etc/passwd\0"
    url = (12 + len(place)).to_bytes(4, "big") + b"url \0\0\0\0" + place
    payload = b"\0\0\0\0\0\0\0\1" + url
    return grown(clip, ("moov", "trak", "mdia", "minf", "dinf", "dref"), lambda _: payload)


def _without_first_packets(number: int, clip: bytes) -> bytes:
    held = io.BytesIO()
    with av.open(io.BytesIO(clip)) as source, av.open(held, "w", format="matroska") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for index, packet in enumerate(source.demux(source.streams.video[0])):
            if packet.size and index >= number:
                packet.stream = stream
                output.mux(packet)
    return held.getvalue()


def _cover(codec: str, _clip: bytes) -> bytes:
    held = io.BytesIO()
    with av.open(held, "w", format="mp4") as output:
        stream = output.add_stream(codec, rate=1)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "rgb24"
        stream.disposition = Disposition.attached_pic
        output.mux(stream.encode(av.VideoFrame(64, 64, stream.pix_fmt)))
        output.mux(stream.encode(None))
    return held.getvalue()


def _words(_clip: bytes) -> bytes:
    """Subtitles that were copied from a file of their own."""
    held = io.BytesIO()
    with av.open(io.BytesIO(subtitles(40)), format="srt") as source, av.open(held, "w", format="matroska") as output:
        stream = output.add_stream_from_template(source.streams[0])
        for packet in source.demux():
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    return held.getvalue()


def _covered(size: int, _clip: bytes) -> bytes:
    """A good video with a cover that is large."""

    def more(output, _stream) -> None:
        cover = output.add_stream("png", rate=1)
        cover.width = cover.height = 64
        cover.pix_fmt, cover.disposition = "rgb24", Disposition.attached_pic
        packet = av.Packet(png(size, size))
        packet.stream, packet.pts, packet.dts = cover, 0, 0
        packet.time_base, packet.is_keyframe = Fraction(1, 1000), True
        output.start_encoding()
        output.mux(packet)

    return video(container="mp4", more=more)


def _two(_clip: bytes) -> bytes:
    def more(output, _stream) -> None:
        second = output.add_stream("mpeg4", rate=5)
        second.width = second.height = 32
        second.pix_fmt = "yuv420p"
        output.mux(second.encode(av.VideoFrame(32, 32, "yuv420p")))
        output.mux(second.encode(None))

    return video(num_frames=10, more=more)


def _made(*args, **more) -> Make:
    return lambda _: video(*args, **more)


def _all() -> Iterator[tuple[str, str, Make]]:
    yield "nothing at all", "empty.mp4", lambda _: b""
    yield "one byte", "byte.mp4", lambda _: b"\0"
    yield "a box of no bytes", "box.mp4", lambda _: b"\0\0\0\0ftyp"
    yield "only a beginning", "begin.mp4", lambda clip: clip[:32]
    yield "sound alone, AAC", "sound.mp4", lambda _: sound("mp4")
    yield "sound alone, PCM", "sound.mkv", lambda _: sound("matroska", "pcm_s16le")
    yield "a cover alone, JPEG", "cover.mp4", partial(_cover, "mjpeg")
    yield "a cover alone, PNG", "cover.mp4", partial(_cover, "png")
    yield "subtitles alone, Matroska", "words.mkv", _words
    yield "said to be encrypted, cenc", "locked.mp4", partial(_encrypted, b"cenc")
    yield "said to be encrypted, cbcs", "locked.mp4", partial(_encrypted, b"cbcs")
    yield "encrypted by name alone", "locked.mp4", partial(_renamed, b"avc1", b"encv")
    yield "H.264 called HEVC", "called.mp4", partial(_renamed, b"avc1", b"hvc1")
    yield "H.264 called AV1", "called.mp4", partial(_renamed, b"avc1", b"av01")
    yield "a codec of no name", "called.mp4", partial(_renamed, b"avc1", b"\0\0\0\0")
    yield "without the decoder's settings", "bare.mp4", partial(_renamed, b"avcC", b"free")
    yield "pictures said to be in another file", "away.mp4", _elsewhere
    yield "no key frame", "middle.mkv", partial(_without_first_packets, 1)
    yield "only the last frame", "last.mkv", partial(_without_first_packets, 23)
    yield "a cover of 12000 x 12000", "cover.mp4", partial(_covered, 12_000)
    yield "two videos", "two.mkv", _two
    yield "2 x 2", "tiny.mkv", _made("ffv1", (2, 2))
    yield "1 x 1", "tiny.mkv", _made("ffv1", (1, 1), 3, "yuv444p")
    yield "grey", "grey.mkv", _made("ffv1", (64, 64), 3, "gray")
    yield "RGB", "rgb.mkv", _made("ffv1", (64, 64), 3, "bgra")
    yield "with alpha", "alpha.mkv", _made("ffv1", (64, 64), 3, "yuva420p")
    yield "raw pictures", "raw.avi", _made("rawvideo", (64, 64), 10, "yuv420p", "avi")
    yield "backwards in time", "back.mkv", _made("mjpeg", (64, 64), 1, "yuvj420p", stamps=lambda _: -5)
    yield (
        "pictures of one codec under another's name",
        "mix.mkv",
        lambda _: claimed("mpeg4", (64, 64), packets_of("mjpeg", (64, 64)) * 5),
    )
    yield (
        "a JPEG video of noise",
        "noise.mkv",
        lambda clip: claimed("mjpeg", (64, 64), [clip[n : n + 500] for n in range(0, 5000, 500)]),
    )
    yield "one good clip after another", "double.mp4", lambda clip: clip + clip
    yield "a good clip behind a page", "behind.mp4", lambda clip: b"<html></html>" + clip
    yield "sound ten times as long", "tail.mkv", _made(more=lambda output, _: add_sound(output, "pcm_s16le", 100))


ODDITIES = tuple(_all())
