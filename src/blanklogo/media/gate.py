"""Whether a video is let through to the work: of a stranger's, what it holds is measured first.

Headers say what they like. So every packet is read once, which takes a second for a gigabyte, and no frame is decoded
but the first: what is over a limit is refused in seconds, not after an hour.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.packet import Packet

from blanklogo.errors import CancelledError, TooLargeError
from blanklogo.media.container import main_video_stream, open_input
from blanklogo.media.errors import Stage, foreign_errors
from blanklogo.media.info import MediaInfo
from blanklogo.media.probe import probe
from blanklogo.media.reader import DAMAGE
from blanklogo.media.strangers import too_many_frames
from blanklogo.types import MediaLimits

# Decoded at once at most: a decoder's references, threads and queues, a window, an encoder's own (its look-ahead above
# all). Measured as the growth of a worker's peak from 320x180 to 1280x720, by frames of that size, on two cores.
FRAMES_IN_FLIGHT = 160


def admitted(path: Path, limits: MediaLimits | None, cancelled: Callable[[], bool]) -> MediaInfo:
    """What `probe` tells, of a video that is within the limits; None: there are none.

    Raises:
        SourceError, UnsupportedError: as `probe`; of a stranger's video also for what is not taken from strangers.
        TooLargeError: it is over a limit, by what it holds or by what it would take.
        CancelledError: stopped.
    """
    info = probe(path, limits)
    if limits is not None:
        _check_memory(info, path, limits)
        _check_extent(path, limits, cancelled)
    return info


def _check_memory(info: MediaInfo, path: Path, limits: MediaLimits) -> None:
    in_flight = info.video.frame_bytes * FRAMES_IN_FLIGHT
    if in_flight > limits.max_decoded_bytes:
        raise TooLargeError(
            f"{path} would take {in_flight / 1e6:.0f} MB for decoded frames",
            accepted=f"up to {limits.max_decoded_bytes / 1e6:.0f} MB",
            hint="scale it down first",
        )


def _check_extent(path: Path, limits: MediaLimits, cancelled: Callable[[], bool]) -> None:
    """Frames, packets and seconds. A file that breaks off is measured up to there."""
    with open_input(path, limits) as container, foreign_errors(Stage.DECODE, path):
        video = main_video_stream(container, path, limits)
        ticks = {stream.index: float(stream.time_base or Fraction(1)) for stream in container.streams}
        tally = _Tally(path, limits)
        try:
            for packet in container.demux():
                if cancelled():
                    raise CancelledError("cancelled while measuring the video")
                tally.take(packet, ticks.get(packet.stream_index, 1.0), is_frame=packet.stream_index == video.index)
        except DAMAGE:
            return


@dataclass
class _Tally:
    """What was read so far."""

    path: Path
    limits: MediaLimits
    num_frames: int = 0
    num_packets: int = 0
    start_seconds: float = math.inf
    end_seconds: float = -math.inf

    def take(self, packet: Packet, tick_seconds: float, *, is_frame: bool) -> None:
        """Raises TooLargeError."""
        if not packet.size and packet.dts is None:  # a decoder's flush at the end, of whichever stream
            return
        limits = self.limits
        self.num_packets += 1
        self.num_frames += is_frame
        if self.num_frames > limits.max_frames:
            raise too_many_frames(self.path, limits)
        if self.num_packets > limits.max_packets:
            came = f"{self.path} holds more than {limits.max_packets} packets"
            raise TooLargeError(came, accepted=f"up to {limits.max_packets} packets", hint="a part of it")
        at = packet.pts if packet.pts is not None else packet.dts
        if at is None:
            return
        self.start_seconds = min(self.start_seconds, at * tick_seconds)
        self.end_seconds = max(self.end_seconds, (at + (packet.duration or 0)) * tick_seconds)
        if self.end_seconds - self.start_seconds > limits.max_seconds:
            raise TooLargeError(
                f"{self.path} is longer than {limits.max_seconds:g} s",
                accepted=f"up to {limits.max_seconds:g} s",
                hint="a part of it",
            )
