"""A report, a detection and a probe in words, for people."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blanklogo.types import Box, Detection, PixelShares, Report, TimeRange, TrackReport, Verification

METHOD_WORDS = {"unblend": "un-blended", "inpaint": "invented", "crop": "cut off", "propagate": "fetched"}
STATUS_WORDS = {
    "clean": "clean",
    "needs_review": "to be looked at",
    "no_mark": "without a mark",
    "planned": "planned",
    "failed": "failed",
}
FOUND_WORDS = {"evidence": "found", "box": "given by box", "mark": "found by its picture"}


def summary(report: Report, source: Path, written: Path | None) -> list[str]:
    """What was found, what was done, whether it holds, and where the result is.

    Warnings are left out: each was told as a notice when it came.
    """
    lines = [f"{source.name}: {counted(report.watermarks_detected, 'mark')}"]
    lines += [f"  {track_words(track)}" for track in report.tracks]
    if report.tracks and written:
        lines += [f"  {line}" for line in (*share_words(report.pixels), *verify_words(report.verify))]
    lines.append(_ending(report, written))
    return lines


def tally(endings: Sequence[str]) -> str:
    """["clean", "failed", "clean"] → "3 videos: 2 clean, 1 failed"."""
    counts = Counter(endings)
    told = [f"{counts[status]} {words}" for status, words in STATUS_WORDS.items() if counts[status]]
    return f"{len(endings)} videos: {', '.join(told)}"


def track_words(track: TrackReport) -> str:
    """One track: where, when, how sure, how it was restored."""
    how = "" if track.method == "none" else f", {METHOD_WORDS.get(track.method, track.method)}"
    found = FOUND_WORDS.get(track.found_by, track.found_by)
    sure = f" ({track.confidence:.0%} sure)" if track.found_by != "box" else ""
    return f"{box_words(track.box)}, {times_words(track.ranges)}: {found}{sure}{how}"


def detection_words(detection: Detection, source: Path) -> list[str]:
    """What a search found, or why it could not know."""
    if detection.abstained:
        return [f"{source.name}: cannot tell. {detection.abstained}"]
    lines = [f"{source.name}: {counted(len({track.mark_index for track in detection.tracks}), 'mark')}"]
    for track in detection.tracks:
        lines.append(f"  {box_words(track.box)}, {times_words(track.ranges)} ({track.confidence:.0%} sure)")
    return lines


def box_words(box: Box) -> str:
    """As `--box` takes it."""
    return f"{box.x0},{box.y0},{box.width},{box.height}"


def times_words(ranges: tuple[TimeRange, ...]) -> str:
    """When it is there; more than three ranges are counted."""
    if len(ranges) == 1 and ranges[0].start_seconds == 0 and math.isinf(ranges[0].end_seconds):
        return "throughout"
    if len(ranges) > 3:
        return f"{len(ranges)} times from {clock(ranges[0].start_seconds)} to {clock(ranges[-1].end_seconds)}"
    return " and ".join(f"{clock(part.start_seconds)} to {clock(part.end_seconds)}" for part in ranges)


def clock(seconds: float) -> str:
    """65.5 → 1:05.5; the end of an endless range is "the end"."""
    if math.isinf(seconds):
        return "the end"
    minutes, tenths = divmod(round(seconds * 10), 600)
    hours, minutes = divmod(minutes, 60)
    rest = f"{tenths // 10:02d}.{tenths % 10}"
    return f"{hours}:{minutes:02d}:{rest}" if hours else f"{minutes}:{rest}"


def share_words(pixels: PixelShares) -> list[str]:
    """Where the marks' pixels came from; nothing when none got a new value."""
    shares = {"un-blended": pixels.unblended, "fetched": pixels.propagated, "invented": pixels.inpainted}
    told = [f"{share:.0%} {name}" for name, share in shares.items() if share > 0]
    return [f"pixels: {', '.join(told)}"] if told else []


def verify_words(verify: Verification) -> list[str]:
    """The proof: what is left of the mark, and what else changed."""
    lines = []
    if verify.residue is not None:
        worst = f", {verify.residue_worst:.1%} in the worst frames" if verify.residue_worst is not None else ""
        lines.append(f"left of the mark: {verify.residue:.1%}{worst}")
    parts = [] if verify.psnr_outside_db is None else [decibels(verify.psnr_outside_db)]
    parts.append("every frame and time kept" if verify.frames_match else "FRAMES OR TIMES DIFFER")
    parts.append("other streams byte-equal" if verify.audio_identical else "OTHER STREAMS DIFFER")
    if verify.num_damaged_frames:
        parts.append(f"{counted(verify.num_damaged_frames, 'damaged frame')} concealed")
    return [*lines, f"elsewhere: {', '.join(parts)}"]


def decibels(figure: float | None) -> str:
    """51.26 → 51.3 dB."""
    return "unknown" if figure is None else f"{figure:.1f} dB"


def counted(number: int, thing: str) -> str:
    """no mark, 1 mark, 2 marks."""
    return f"{number or 'no'} {thing}{'s' if number > 1 else ''}"


def _ending(report: Report, written: Path | None) -> str:
    status, seconds = report.verify.status, f"{report.processing_time_s:.1f} s"
    if written is None:
        return f"dry run, nothing written ({seconds})"
    if status == "no_mark":
        return f"nothing to remove: {written} is a byte-for-byte copy"
    sizes = f"{report.input_size_mb:.1f} MB in, {report.output_size_mb:.1f} MB out, {seconds}"
    if status == "needs_review":
        return f"NEEDS REVIEW: look at {written} ({sizes})"
    return f"clean: {written} ({sizes})"
