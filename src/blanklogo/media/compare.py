"""Whether a result still is the same film: frames, time stamps, and every packet of every other stream."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.stream import AttachmentStream, Stream

from blanklogo.media.container import main_video_stream, open_input
from blanklogo.media.errors import Stage, foreign_errors
from blanklogo.media.streams import copied_streams


@dataclass(frozen=True)
class StreamComparison:
    """A source against its result, by their packets only.

    Attributes:
        num_frames_source: packets of video that are shown.
        num_frames_result: the same of the result.
        pts_match: same time stamps, to the tick of the coarser clock; those of lost frames may be missing. Into
            another container, everything together may start later (Matroska cannot start below zero).
        others_identical: every packet of every copied stream is byte-equal, at the same time.
        details: what differs, in sentences.
    """

    num_frames_source: int
    num_frames_result: int
    pts_match: bool
    others_identical: bool
    details: tuple[str, ...]


@dataclass(frozen=True)
class _Track:
    """A stream's packets: their times in ticks of `time_base`, and one digest over their bytes."""

    kind: str
    time_base: Fraction
    stamps: tuple[int, ...]
    digest: str


@dataclass(frozen=True)
class _Film:
    """A file's tracks."""

    container: str
    video: _Track
    others: tuple[_Track, ...]

    @property
    def start_seconds(self) -> Fraction:
        return self.video.stamps[0] * self.video.time_base if self.video.stamps else Fraction(0)


def compare_streams(
    source: Path, result: Path, *, num_lost_frames: int = 0, left_out: frozenset[int] = frozenset()
) -> StreamComparison:
    """Demuxes both files; nothing is decoded.

    Args:
        num_lost_frames: of the source, that could not be decoded and may be missing from the result.
        left_out: indices of the source's streams that the result's container does not hold.

    Raises:
        SourceError: one of them is no video.
        DecodeError: one of them cannot be read to its end.
    """
    film, new_film = _film(source, left_out), _film(result)
    video, new_video = film.video, new_film.video
    delay = Fraction(0) if film.container == new_film.container else new_film.start_seconds - film.start_seconds
    pts_match = _same_times(video, new_video, delay, num_lost_frames)
    differences = _differences(film.others, new_film.others, delay)
    details = [] if pts_match else [_stamp_detail(video, new_video)]
    if delay > max(video.time_base, new_video.time_base):
        details.append(f"everything starts {float(delay):.3f} s later, in step")
    return StreamComparison(
        num_frames_source=len(video.stamps),
        num_frames_result=len(new_video.stamps),
        pts_match=pts_match,
        others_identical=not differences,
        details=(*details, *differences),
    )


def _film(path: Path, left_out: frozenset[int] = frozenset()) -> _Film:
    with open_input(path) as container, foreign_errors(Stage.DECODE, path):
        video = main_video_stream(container, path).index
        copied = (stream.index for stream in copied_streams(container, video))
        kept = [video, *(index for index in copied if index not in left_out)]
        continuous = {index for index in kept if _is_pcm(container.streams[index])}
        adts = {index for index in kept if container.streams[index].name == "aac"}
        stamps: dict[int, list[int]] = {index: [] for index in kept}
        digests = {index: hashlib.sha256(_attached(container.streams[index])) for index in kept}
        for index, stamp, data in _packets(container, video, kept):
            data = _without_adts(data) if index in adts else data
            is_pcm = index in continuous
            if not (is_pcm and stamps[index]):
                stamps[index].append(stamp)
            digests[index].update(data if is_pcm else len(data).to_bytes(8, "big") + data)
        tracks = [
            _Track(
                str(container.streams[index].type),
                container.streams[index].time_base or Fraction(1),
                tuple(sorted(stamps[index])),
                digests[index].hexdigest(),
            )
            for index in kept
        ]
        return _Film(container.format.name, tracks[0], tuple(tracks[1:]))


def _attached(stream: Stream) -> bytes:
    """What a stream holds beside its packets: the bytes of an attachment (a font, say)."""
    return stream.data if isinstance(stream, AttachmentStream) else b""


def _is_pcm(stream: Stream) -> bool:
    """Whether packets are cut anywhere: containers cut raw sound anew, so only its bytes and its start count."""
    return stream.codec_context is not None and stream.codec_context.codec.canonical_name.startswith("pcm_")


def _without_adts(packet: bytes) -> bytes:
    """An AAC packet without the header that MPEG-TS needs and MP4 and Matroska must not have (ISO/IEC 13818-7, 6.2)."""
    if len(packet) > 9 and packet[0] == 0xFF and packet[1] & 0xF6 == 0xF0:
        return packet[7 if packet[1] & 1 else 9 :]
    return packet


def _packets(container: InputContainer, video: int, kept: list[int]) -> Iterator[tuple[int, int, bytes]]:
    """(stream index, time stamp, bytes) of every packet that is shown; a video's bytes are left out."""
    for packet in container.demux([container.streams[index] for index in kept]):
        if not packet.size or (packet.is_discard and packet.stream_index == video):
            continue
        stamp = packet.pts if packet.pts is not None else packet.dts
        data = b"" if packet.stream_index == video else bytes(packet)
        yield packet.stream_index, 0 if stamp is None else stamp, data


def _same_times(one: _Track, other: _Track, delay: Fraction, num_missing: int = 0) -> bool:
    if not 0 <= len(one.stamps) - len(other.stamps) <= num_missing:
        return False
    # Each of two clocks rounds by half a tick at most, and so does the delay; one clock leaves no room at all.
    slack = Fraction(0) if one.time_base == other.time_base else max(one.time_base, other.time_base)
    remaining = iter(one.stamps)
    return all(
        any(abs(stamp * other.time_base - delay - wanted * one.time_base) <= slack for wanted in remaining)
        for stamp in other.stamps
    )


def _stamp_detail(one: _Track, other: _Track) -> str:
    if len(one.stamps) != len(other.stamps):
        return f"the source has {len(one.stamps)} frames, the result {len(other.stamps)}"
    pairs = enumerate(zip(one.stamps, other.stamps, strict=True))
    moved = (index for index, (old, new) in pairs if old * one.time_base != new * other.time_base)
    return f"time stamps differ from frame {next(moved, 0)} on"


def _differences(old: tuple[_Track, ...], new: tuple[_Track, ...], delay: Fraction) -> list[str]:
    if len(old) != len(new):
        return [f"the source has {len(old)} other streams, the result {len(new)}"]
    details = []
    for index, (one, other) in enumerate(zip(old, new, strict=True)):
        # A cover has no time of its own.
        is_still = one.kind == "video" and len(one.stamps) == 1
        if one.digest != other.digest:
            details.append(f"{one.kind} stream {index}: packets differ")
        elif not is_still and not _same_times(one, other, delay):
            details.append(f"{one.kind} stream {index}: time stamps differ")
    return details
