"""Finding burned-in marks from evidence over time, and by a network where that cannot judge.

One pass over the samples keeps a bounded record (`record`). Pairs of windows that show different scenes vote on what
stays the same (`votes`, `pairs`); lone groups of pixels with strong evidence are candidates (`candidates`), over the
whole video (`lasting`) or under hypotheses about when (`seeds`, `partial`), which must make one hopping mark (`hops`,
`matching`). What keeps its lines but not its picture is captions (`constancy`). Presence is measured in every kept
picture (`presence`). Where the scene itself stands still, or the point lies at the centre of a zoom (`zoom`), nothing
can be known on evidence. What the network sees otherwise, lettering say, is no mark (`second_look`).
"""

from __future__ import annotations

from collections.abc import Iterable

from blanklogo.detection.constancy import is_constant
from blanklogo.detection.glances import Finder, glances
from blanklogo.detection.hops import hopping
from blanklogo.detection.lasting import lasting
from blanklogo.detection.learned import learned
from blanklogo.detection.partial import partial_candidates
from blanklogo.detection.places import Place, places
from blanklogo.detection.presence import ranges
from blanklogo.detection.record import Record, record
from blanklogo.detection.samples import LumaSample
from blanklogo.detection.second_look import second_look
from blanklogo.detection.votes import Votes, vote
from blanklogo.detection.zoom import zoom_centre
from blanklogo.types import Box, Detection, Platform, TimeRange, Track

LEAST_SCENES = 2.5  # windows that show different scenes; a tripod shot has 1
LEAST_WINDOWS = 3
NEAR_PX = 30  # what lies so near to the centre of a zoom hardly moves
LEAST_SIZE_PX = 140  # of the shorter side; in smaller frames marks and scenery have strokes of the same size

WHOLE = TimeRange()
REMEDY = "give --box X,Y,W,H or --mark PICTURE.png"
STILL = f"the camera stands still, so a mark cannot be told from the scene; {REMEDY}"
PARTLY_STILL = f"parts of the scene stand as still as a mark would, so none can be told from it; {REMEDY}"
LETTERING = f"what stays in place looks like a caption, small print or a score board; {REMEDY}"
UNSEEN = f"what stays in place does not look like a mark; {REMEDY}"
SHORT = f"there are too few frames to tell a mark from the scene; {REMEDY}"
SMALL = f"the frame is too small to tell a mark from the scene; {REMEDY}"


def detect_marks(
    samples: Iterable[LumaSample],
    *,
    platform: Platform | None = None,
    within: TimeRange = WHOLE,
    finder: Finder | None = None,
) -> Detection:
    """Find the marks in a video from a few frames a second.

    Args:
        samples: in order of time, all of one size; looked at once. About five a second serve well.
        platform: where the video came from; weighs places a little, never invents a mark.
        within: samples outside are not looked at, and tracks end there.
        finder: a network that looks beside the evidence; None: evidence alone.

    Returns:
        Tracks with boxes in px of the samples, presence exact to about a sample; or none, with the reason if nothing
        could be known.
    """
    seen = record(sample for sample in samples if sample.seconds in within)
    if seen is None:
        return Detection((), (within,), SHORT)
    if min(seen.small_size_px) < LEAST_SIZE_PX:
        return Detection((), seen.shots, SMALL)
    marks, abstained, is_still = _by_evidence(seen, platform)
    learnt: list[list[Place]] = []
    if finder is not None:
        found = glances(seen, finder)
        if finder.is_general:
            looked = second_look(seen, marks, found)
            abstained = abstained or (LETTERING if looked.has_lettering else UNSEEN if looked.has_unseen else None)
            marks = looked.kept
        learnt = learned(seen, found, marks, is_still=is_still)
    tracks = _tracks(seen, marks, "evidence", 0, within) + _tracks(seen, learnt, "network", len(marks), within)
    return Detection(tuple(tracks), seen.shots, None if tracks else abstained)


def _by_evidence(seen: Record, platform: Platform | None) -> tuple[list[list[Place]], str | None, bool]:
    """Groups of places, each one mark; why nothing more could be known, if so; and whether the scene stands still."""
    if len(seen.windows) < LEAST_WINDOWS:
        return [], SHORT, True
    votes = vote([window.field for window in seen.windows], seen.shot_indices)
    if votes.num_scenes < LEAST_SCENES:
        return [], STILL, True
    marks, is_partly_still = _marks(seen, votes, platform)
    return marks, PARTLY_STILL if is_partly_still else None, False


def _tracks(seen: Record, marks: list[list[Place]], method: str, first_index: int, within: TimeRange) -> list[Track]:
    return [
        _track(seen, place, method, index, within) for index, group in enumerate(marks, first_index) for place in group
    ]


def _marks(seen: Record, votes: Votes, platform: Platform | None) -> tuple[list[list[Place]], bool]:
    """Groups of places, each one mark, and whether a still scene stood in the way."""
    staying = lasting(seen, votes, platform)
    passing = hopping(seen, places(seen, partial_candidates(seen, votes, staying.boxes)))
    constant = [group for group in passing if is_constant(seen, votes.scene_change, group)]
    marks = [[place] for place in staying.marks] + constant
    centre = zoom_centre(seen) if marks else None
    kept = [group for group in marks if centre is None or not any(_holds(place.box, centre) for place in group)]
    return kept, staying.is_partly_still or len(kept) < len(marks)


def _holds(box: Box, point: tuple[float, float]) -> bool:
    """Whether a point lies in a box or near it."""
    x, y = point
    return box.x0 - NEAR_PX <= x < box.x1 + NEAR_PX and box.y0 - NEAR_PX <= y < box.y1 + NEAR_PX


def _track(seen: Record, place: Place, method: str, mark_index: int, within: TimeRange) -> Track:
    box = _full_size(place.box, seen)
    when = ranges(place.on, seen.seconds, within)
    return Track(box, when, min(1.0, place.candidate.peak), method, mark_index)


def _full_size(box: Box, seen: Record) -> Box:
    """The box in px of the video, rounded outwards."""
    (height, width), (small_height, small_width) = seen.size_px, seen.small_size_px
    return Box(
        box.x0 * width // small_width,
        box.y0 * height // small_height,
        -(-box.x1 * width // small_width),
        -(-box.y1 * height // small_height),
    )
