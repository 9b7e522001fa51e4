"""The first pass: decode once, find out where marks are and when, and what every frame's time is."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.evidence import detect_marks
from blanklogo.detection.known import Average, Averages
from blanklogo.detection.samples import LumaSample, analysis_size
from blanklogo.errors import CancelledError
from blanklogo.media.frames import Frame
from blanklogo.media.info import MediaInfo
from blanklogo.media.reader import VideoReader
from blanklogo.media.span import Stamps
from blanklogo.media.threads import prefetched
from blanklogo.pipeline.networks import Detector, detector_for
from blanklogo.types import Detection, Event, Job, Progress

OnEvent = Callable[[Event], None]
Cancelled = Callable[[], bool]

_SAMPLES_PER_SECOND = 5.0
_LEAST_SAMPLES = 40  # a short clip is looked at more often, down to every other frame
_QUEUE_FRAMES = 4


@dataclass(frozen=True, eq=False)
class Look:
    """What the first pass saw.

    Attributes:
        info: of the source.
        stamps: of every frame.
        detection: the marks found on evidence; empty when the caller told where they are.
        averages: mean luma over parts of the time, for known marks; empty unless asked for.
        weights: name and sha256 of each network that looked.
        notes: what the user should know of how it went.
        num_damaged_frames: that the decoder concealed or lost.
        num_restamped_frames: whose time stamp was missing or ran backwards.
    """

    info: MediaInfo
    stamps: Stamps
    detection: Detection
    averages: tuple[Average, ...]
    num_damaged_frames: int
    num_restamped_frames: int = 0
    weights: tuple[dict[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def num_frames(self) -> int:
        return len(self.stamps)

    @cached_property
    def seconds(self) -> NDArray[np.float64]:
        """Of every frame, float64 [N], since the first; equal to the frames' own."""
        tick = self.info.video.time_base
        return (self.stamps.pts - self.info.video.start_pts) * tick.numerator / tick.denominator


def look(job: Job, on_event: OnEvent, cancelled: Cancelled) -> Look:
    """Decodes the source once; its memory does not grow with its length but for 16 bytes a frame.

    Raises:
        SourceError, UnsupportedError, DecodeError: as the reader does.
        CancelledError: asked to stop.
        WeightsError, ModelError, LoadError, UnavailableError: as `networks.detector_for`.
    """
    notes: list[str] = []
    detector = detector_for(job, notes)
    with VideoReader(job.source, job.limits) as reader:
        info, stamps = reader.info, _Stamping([], [])
        averages = Averages() if job.marks else None
        total = info.video.num_frames_from_header or 0
        with closing(_counted(reader, stamps, total, on_event, cancelled)) as frames:
            samples = _samples(frames, sampling_interval(info), detector is not None and detector.finder.wants_colour)
            detection = _search(job, samples if averages is None else averages.tapped(samples), detector)
            for _ in frames:  # a search may stop early; the count of frames goes on
                pass
        parts = averages.result() if averages else ()
        damage = reader.num_damaged_frames, reader.num_restamped_frames
        weights = tuple(file.as_dict() for file in detector.files) if detector else ()
        return Look(info, stamps.result(), detection, parts, *damage, weights, tuple(notes))


@dataclass(frozen=True)
class _Stamping:
    """Time stamps while they come in."""

    pts: list[int]
    durations: list[int]

    def result(self) -> Stamps:
        return Stamps(np.array(self.pts, np.int64), np.array(self.durations, np.int64))


def _samples(frames: Iterable[Frame], interval: int, with_colour: bool) -> Iterator[LumaSample]:
    picked = (frame for frame in frames if frame.index % interval == 0)
    return (LumaSample(frame.seconds, luma8(frame), _rgb(frame) if with_colour else None) for frame in picked)


def _rgb(frame: Frame) -> NDArray[np.uint8]:
    """A frame as it is shown, R'G'B' uint8 [h, w, 3], at the size that detection works at."""
    picture = frame.picture
    height, width = analysis_size(picture.height, picture.width)
    return np.asarray(picture.reformat(width=width, height=height, format="rgb24").to_ndarray(), np.uint8)


def _search(job: Job, samples: Iterator[LumaSample], detector: Detector | None) -> Detection:
    """Marks found; nothing is searched for when the caller told what or where."""
    if not (job.marks or job.boxes):
        finder = detector.finder if detector else None
        return detect_marks(samples, platform=job.platform, within=job.within, finder=finder)
    for _ in samples:
        pass
    return Detection((), ())


def sampling_interval(info: MediaInfo) -> int:
    """Every how many frames one is looked at: about five a second, more often in short clips."""
    rate = float(info.video.average_rate or 25)
    num_frames = info.video.num_frames_from_header or int(rate * (info.duration_seconds or 60))
    return max(1, min(round(rate / _SAMPLES_PER_SECOND), num_frames // _LEAST_SAMPLES))


def luma8(frame: Frame) -> NDArray[np.uint8]:
    """A frame's luma brought to 8 bits, uint8 [H, W]."""
    luma = frame.planes[0]
    return (luma >> (frame.format.bit_depth - 8)).astype(np.uint8, copy=False)


def _counted(
    reader: VideoReader, stamps: _Stamping, total: int, on_event: OnEvent, cancelled: Cancelled
) -> Generator[Frame]:
    with closing(prefetched(reader, _QUEUE_FRAMES, "look")) as frames:
        for frame in frames:
            if cancelled():
                raise CancelledError("cancelled while looking for marks")
            stamps.pts.append(frame.pts)
            stamps.durations.append(frame.duration)
            if frame.index % 8 == 0:
                on_event(Progress("look", frame.index, max(total, frame.index)))
            yield frame
    on_event(Progress("look", len(stamps.pts), len(stamps.pts)))
