"""From what the caller told and the first pass saw to the places where a mark is to be learnt."""

from __future__ import annotations

from blanklogo.detection.known import Sighting, find_known
from blanklogo.errors import OptionError
from blanklogo.media.info import MediaInfo, VideoInfo
from blanklogo.pipeline.learn import Candidate
from blanklogo.pipeline.look import Look
from blanklogo.pipeline.marks import read_mark
from blanklogo.types import Box, Job, Mark, TimeRange, Track

_LEAST_FRAME_PX = 16  # a mark is filled from around its box, the codec's smear left out


def candidates(job: Job, look: Look) -> tuple[Candidate, ...]:
    """Marks to take out: those of the pictures given, else the boxes given, else those found.

    Raises:
        OptionError: the time range starts past the end, or a picture cannot be read any more.
    """
    check_times(job, look)
    if job.marks:
        found = [_sought(read_mark(path), index, job, look) for index, path in enumerate(job.marks)]
        return tuple(candidate for some in found for candidate in some)
    if job.boxes:
        return tuple(Candidate(Track(box, (job.within,), 1.0, "box", index)) for index, box in enumerate(job.boxes))
    return tuple(Candidate(track) for track in look.detection.tracks)


def check_places(job: Job, info: MediaInfo) -> None:
    """What can be said of the boxes and the mark pictures before the first pass.

    Raises:
        OptionError: a box lies outside the frame or covers most of it, or a picture cannot be used.
    """
    _check_boxes(job, info.video)
    for path in job.marks:
        _check_size(read_mark(path), info.video)


def _check_boxes(job: Job, video: VideoInfo) -> None:
    if job.boxes and min(video.width, video.height) < _LEAST_FRAME_PX:
        raise OptionError(
            f"a box in frames of {video.width}x{video.height} px, which leave no surroundings to restore from",
            accepted=f"frames of {_LEAST_FRAME_PX} px a side or more",
        )
    frame = Box(0, 0, video.width, video.height)
    for box in job.boxes:
        if not frame.contains(box):
            raise OptionError(
                f"box {box.as_list()} reaches outside the frame",
                accepted=f"x from 0 to {video.width}, y from 0 to {video.height}",
                hint="X,Y,W,H in px from the top-left",
            )
        if box.area > 0.5 * frame.area:
            raise OptionError(
                f"box {box.as_list()} covers more than half of the frame", accepted="a box around the mark"
            )


def _check_size(mark: Mark, video: VideoInfo) -> None:
    if mark.alpha.shape[0] > 2 * video.height or mark.alpha.shape[1] > 2 * video.width:
        raise OptionError(
            f"the mark picture {mark.name} is {mark.alpha.shape[1]}x{mark.alpha.shape[0]} px",
            accepted=f"at most twice the frame's {video.width}x{video.height} px",
        )


def check_times(job: Job, look: Look) -> None:
    last = float(look.seconds[-1])
    if job.within.start_seconds > last:
        raise OptionError(
            f"the time range starts at {job.within.start_seconds:g} s",
            accepted=f"a start before the video's end at {last:.3f} s",
        )


def _sought(mark: Mark, mark_index: int, job: Job, look: Look) -> tuple[Candidate, ...]:
    video = look.info.video
    sightings = find_known(mark, look.averages, job.boxes)
    frame = Box(0, 0, video.width, video.height)
    placed = ((sighting, sighting.box(mark).intersection(frame)) for sighting in sightings)
    several = len(sightings) > 1
    return tuple(
        Candidate(Track(box, _when(sighting, job, several), _confidence(sighting), "mark", mark_index), mark, sighting)
        for sighting, box in placed
        if box is not None
    )


def _when(sighting: Sighting, job: Job, several: bool) -> tuple[TimeRange, ...]:
    """A mark seen at one place only is taken to be there throughout; one that hops, when it was seen."""
    if not several:
        return (job.within,)
    parts = (part.intersection(job.within) for part in sighting.ranges)
    return tuple(part for part in parts if part is not None) or (job.within,)


def _confidence(sighting: Sighting) -> float:
    return max(0.0, min(1.0, sighting.score))
