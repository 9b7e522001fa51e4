"""One removal from end to end: look, learn, restore, verify, report. Whole output or none."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from blanklogo.media.encoding import EncoderSettings, choose_encoder
from blanklogo.media.gate import admitted
from blanklogo.media.info import MediaInfo
from blanklogo.media.output import check_target, pending_output
from blanklogo.media.transcode import TranscodeStats, Transform, transcode
from blanklogo.pipeline.finish import Work, Written, finish, untouched, write_with_provenance
from blanklogo.pipeline.learn import Candidate, Learnt, learn
from blanklogo.pipeline.look import Cancelled, Look, OnEvent, look
from blanklogo.pipeline.memory import give_back
from blanklogo.pipeline.networks import inventor_for
from blanklogo.pipeline.plan import candidates, check_places
from blanklogo.pipeline.report import Outcome, report, track_report
from blanklogo.pipeline.restore import Removal, Restoration
from blanklogo.pipeline.verify import verify_streams
from blanklogo.provenance import check_can_carry, read_provenance
from blanklogo.restoration.crop import crop_without
from blanklogo.types import Box, Job, Mode, Notice, PixelShares, Progress, Report, Verification


def run(job: Job, on_event: OnEvent, cancelled: Cancelled) -> Report:
    """Does the job. The target appears only when it is whole and verified.

    Args:
        on_event: hears progress and notices, in the caller's thread.
        cancelled: asked before every frame; true stops the work with `CancelledError`.

    Raises:
        CallerError: the source, an option or the target does not fit; nothing was done.
        ProcessingError: decoding, encoding, writing or the verification failed; nothing was kept.
        CancelledError: stopped; nothing was kept.
    """
    started = time.monotonic()
    info = admitted(job.source, job.limits, cancelled)
    provenance = read_provenance(job.source)
    if not job.dry_run:
        check_target(job.source, job.target, job.overwrite)
        check_can_carry(provenance)
        _check_codec(job, info)
    check_places(job, info)
    inventor_for(job.networks)  # a name that nobody knows is refused before the work
    seen = look(job, on_event, cancelled)
    found = candidates(job, seen)
    work = Work(job, seen, provenance, on_event, cancelled)
    if job.dry_run:
        outcome = _planned(work, found)
    elif not found:
        outcome = untouched(work, why_nothing(seen))
    elif job.mode is Mode.CROP:
        outcome = _cropped(work, found)
    else:
        outcome = _restored(work, found)
    for warning in outcome.warnings:
        on_event(Notice(warning))
    return report(job, seen, outcome, time.monotonic() - started)


def _check_codec(job: Job, info: MediaInfo) -> None:
    """Refuses a codec that was asked for before the work, not after it; what a crop leaves is known only then."""
    if job.codec is not None and job.mode is not Mode.CROP:
        choose_encoder(info, job.codec, job.quality, suffix=job.target.suffix)


def _planned(work: Work, found: tuple[Candidate, ...]) -> Outcome:
    seen = work.seen
    verification = Verification("planned" if found else "no_mark", num_damaged_frames=seen.num_damaged_frames)
    tracks = tuple(track_report(candidate.track, "none") for candidate in found)
    return Outcome(tracks, PixelShares(), verification, seen.num_frames, () if found else why_nothing(seen))


def why_nothing(seen: Look) -> tuple[str, ...]:
    """Why no mark was found, if there is something to say."""
    if seen.averages:
        return ("the mark picture was found nowhere in the video; give its place by --box X,Y,W,H",)
    return (seen.detection.abstained,) if seen.detection.abstained else ()


def _cropped(work: Work, found: tuple[Candidate, ...]) -> Outcome:
    job, video = work.job, work.seen.info.video
    kept = crop_without(tuple(candidate.track.box for candidate in found), video.width, video.height)
    with pending_output(job.source, job.target, job.overwrite) as temporary:
        stats, warnings = _written(work, temporary, lambda frames: frames, kept)
        verification = verify_streams(job.source, temporary, stats)
    tracks = tuple(track_report(candidate.track, "crop") for candidate in found)
    return Outcome(tracks, PixelShares(), verification, stats.num_frames, warnings)


def _restored(work: Work, candidates: tuple[Candidate, ...]) -> Outcome:
    found = learn_removals(work.job, work.seen, candidates, work.on_event, work.cancelled)
    restore = partial(_in_one_piece, work)
    return replace(finish(work, found.removals, found.notes, restore), weights=found.weights)


@dataclass(frozen=True, eq=False)
class Found:
    """What is to be taken out.

    Attributes:
        removals: each mark at each place.
        notes: one for each place at which nothing is to be seen.
        weights: name and sha256 of each network that made something up.
    """

    removals: tuple[Removal, ...]
    notes: tuple[str, ...]
    weights: tuple[dict[str, str], ...] = ()


def learn_removals(
    job: Job, seen: Look, found: tuple[Candidate, ...], on_event: OnEvent, cancelled: Cancelled
) -> Found:
    """What is to be taken out. Raises as `learn` and `inventor_for`."""
    inventor = inventor_for(job.networks)
    give_back()
    learnt = learn(seen, found, inventor, on_event, cancelled)
    give_back()
    notes = tuple(_bare(mark) for mark in learnt if not mark.is_visible)
    visible = [mark for mark in learnt if mark.is_visible]
    weights = inventor.weights if any(mark.has_made_up for mark in visible) else ()
    return Found(tuple(Removal(mark.track, mark.matte, job.mode, job.within) for mark in visible), notes, weights)


def _bare(mark: Learnt) -> str:
    return f"nothing that looks like a mark is to be seen at {mark.track.box.as_list()}; it was left as it is"


def _in_one_piece(work: Work, removals: tuple[Removal, ...], temporary: Path) -> Written:
    restoration = Restoration(removals, work.seen.info.video.frame_bytes)
    stats, warnings = _written(work, temporary, restoration, None)
    return Written(stats, warnings, restoration.counts)


def _written(
    work: Work, temporary: Path, transform: Transform, crop: Box | None
) -> tuple[TranscodeStats, tuple[str, ...]]:
    """The source through a transform into the temporary file."""

    def write(settings: EncoderSettings, tags: Mapping[str, str]) -> TranscodeStats:
        return transcode(
            work.job.source,
            temporary,
            settings,
            transform,
            tags=tags,
            on_frame=_meter(work.on_event, work.seen),
            cancelled=work.cancelled,
        )

    return write_with_provenance(work, temporary, write, crop)


def _meter(on_event: OnEvent, seen: Look):
    def on_frame(num_frames: int) -> None:
        if num_frames % 4 == 0 or num_frames == seen.num_frames:
            on_event(Progress("restore", num_frames, seen.num_frames))

    return on_frame
