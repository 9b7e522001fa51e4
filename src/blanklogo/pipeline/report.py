"""From what a removal came to, the report that users, scripts and bills read."""

from __future__ import annotations

from dataclasses import dataclass, replace

from blanklogo.pipeline.look import Look
from blanklogo.types import Job, Matte, PixelShares, Report, TimeRange, Track, TrackReport, Verification


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a way of writing the result came to; `weights` are of networks that made something up for it."""

    tracks: tuple[TrackReport, ...]
    pixels: PixelShares
    verification: Verification
    num_frames: int
    warnings: tuple[str, ...]
    weights: tuple[dict[str, str], ...] = ()


def track_report(track: Track, method: str, matte: Matte | None = None) -> TrackReport:
    """A track as reported."""
    return TrackReport(
        box=track.box,
        ranges=track.ranges,
        confidence=track.confidence,
        method=method,
        found_by=track.method,
        mark_index=track.mark_index,
        effective_backgrounds=matte.effective_backgrounds if matte else None,
    )


def report(job: Job, seen: Look, outcome: Outcome, seconds: float) -> Report:
    """The whole report; the target is in place by now, unless it was a dry run."""
    end_seconds = float(seen.seconds[-1])
    return Report(
        mode=str(job.mode),
        platform=str(job.platform) if job.platform else None,
        input_size_mb=round(job.source.stat().st_size / 1e6, 3),
        output_size_mb=0.0 if job.dry_run else round(job.target.stat().st_size / 1e6, 3),
        frames_processed=outcome.num_frames,
        watermarks_detected=len({track.mark_index for track in outcome.tracks}),
        processing_time_s=round(seconds, 3),
        tracks=tuple(_ended(track, end_seconds) for track in outcome.tracks),
        pixels=outcome.pixels,
        verify=outcome.verification,
        warnings=(*seen.notes, *outcome.warnings),
        weights=(*seen.weights, *outcome.weights),
    )


def _ended(track: TrackReport, end_seconds: float) -> TrackReport:
    """Open ends closed at the last frame: JSON has no infinity."""
    return replace(track, ranges=tuple(_closed(part, end_seconds) for part in track.ranges))


def _closed(part: TimeRange, end_seconds: float) -> TimeRange:
    return TimeRange(part.start_seconds, max(min(part.end_seconds, end_seconds), part.start_seconds + 1e-3))
