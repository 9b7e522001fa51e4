"""One removal from end to end: look, learn, restore, verify, report. Whole output or none."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from blanklogo.errors import TargetError
from blanklogo.matting.blind import is_still
from blanklogo.media.encoding import choose_encoder
from blanklogo.media.info import MediaInfo
from blanklogo.media.output import check_target, copy_bytes, pending_output
from blanklogo.media.probe import probe
from blanklogo.media.transcode import TranscodeStats, Transform, transcode
from blanklogo.pipeline.learn import Candidate, Learnt, learn
from blanklogo.pipeline.look import Cancelled, Look, OnEvent, look
from blanklogo.pipeline.memory import give_back
from blanklogo.pipeline.plan import candidates, check_places
from blanklogo.pipeline.report import Outcome, report, track_report
from blanklogo.pipeline.restore import Removal, Restoration
from blanklogo.pipeline.verify import Pair, Proof, verify, verify_streams
from blanklogo.provenance import Provenance, carry_provenance, check_can_carry, provenance_tags, read_provenance
from blanklogo.restoration.crop import crop_without
from blanklogo.types import (
    Box,
    Job,
    Mode,
    Notice,
    PixelShares,
    Platform,
    Progress,
    Report,
    Verification,
)

_MACHINE_MADE = frozenset(
    {Platform.SORA, Platform.RUNWAY, Platform.PIKA, Platform.KLING, Platform.LUMA, Platform.MIDJOURNEY}
)
_SAME_CONTAINER = ({".mp4", ".m4v", ".mov"}, {".mkv", ".webm"}, {".avi"})


@dataclass(frozen=True, eq=False)
class _Work:
    """What every step of one removal needs."""

    job: Job
    seen: Look
    provenance: Provenance
    on_event: OnEvent
    cancelled: Cancelled


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
    info = probe(job.source)
    provenance = read_provenance(job.source)
    if not job.dry_run:
        check_target(job.source, job.target, job.overwrite)
        check_can_carry(provenance)
        _check_codec(job, info)
    check_places(job, info)
    seen = look(job, on_event, cancelled)
    found = candidates(job, seen)
    work = _Work(job, seen, provenance, on_event, cancelled)
    if job.dry_run:
        outcome = _planned(work, found)
    elif not found:
        outcome = _untouched(work, _why_nothing(seen))
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


def _planned(work: _Work, found: tuple[Candidate, ...]) -> Outcome:
    seen = work.seen
    verification = Verification("planned" if found else "no_mark", num_damaged_frames=seen.num_damaged_frames)
    tracks = tuple(track_report(candidate.track, "none") for candidate in found)
    return Outcome(tracks, PixelShares(), verification, seen.num_frames, () if found else _why_nothing(seen))


def _untouched(work: _Work, why: tuple[str, ...]) -> Outcome:
    job, seen = work.job, work.seen
    suffixes = {job.source.suffix.lower(), job.target.suffix.lower()}
    if len(suffixes) > 1 and not any(suffixes <= same for same in _SAME_CONTAINER):
        raise TargetError(
            f"no mark was found, so {job.target} would be a copy of {job.source.name} under another container's name",
            hint=f"an output that ends in {job.source.suffix}",
        )
    with pending_output(job.source, job.target, job.overwrite) as temporary:
        copy_bytes(job.source, temporary)
    verification = Verification("no_mark", num_damaged_frames=seen.num_damaged_frames)
    return Outcome((), PixelShares(), verification, seen.num_frames, why)


def _why_nothing(seen: Look) -> tuple[str, ...]:
    if seen.averages:
        return ("the mark picture was found nowhere in the video; give its place by --box X,Y,W,H",)
    return (seen.detection.abstained,) if seen.detection.abstained else ()


def _cropped(work: _Work, found: tuple[Candidate, ...]) -> Outcome:
    job, video = work.job, work.seen.info.video
    kept = crop_without(tuple(candidate.track.box for candidate in found), video.width, video.height)
    with pending_output(job.source, job.target, job.overwrite) as temporary:
        stats, warnings = _written(work, temporary, lambda frames: frames, kept)
        verification = verify_streams(job.source, temporary, stats)
    tracks = tuple(track_report(candidate.track, "crop") for candidate in found)
    return Outcome(tracks, PixelShares(), verification, stats.num_frames, warnings)


def _restored(work: _Work, found: tuple[Candidate, ...]) -> Outcome:
    job = work.job
    give_back()
    learnt = learn(work.seen, found, work.on_event, work.cancelled)
    give_back()
    notes = tuple(_bare(mark) for mark in learnt if not mark.is_visible)
    removals = tuple(Removal(mark.track, mark.matte, job.mode, job.within) for mark in learnt if mark.is_visible)
    if not removals:
        return _untouched(work, notes)
    with pending_output(job.source, job.target, job.overwrite) as temporary:
        outcome, proof = _attempt(work, removals, temporary)
        stronger = _stronger(removals, proof)
        if any(again.mode is not removal.mode for again, removal in zip(stronger, removals, strict=True)):
            work.on_event(Notice("some of the mark was left; restoring again, inventing what is under it"))
            outcome, _ = _attempt(work, stronger, temporary)
    invented = tuple(_invented(removal) for removal in removals if is_still(removal.matte))
    return replace(outcome, warnings=(*notes, *invented, *outcome.warnings))


def _bare(mark: Learnt) -> str:
    return f"nothing that looks like a mark is to be seen at {mark.track.box.as_list()}; it was left as it is"


def _invented(removal: Removal) -> str:
    return (
        f"the camera stands still behind the mark at {removal.track.box.as_list()}, so what lies under it was mostly "
        "invented; the mark's own picture (--mark PICTURE.png) would let it be restored"
    )


def _attempt(work: _Work, removals: tuple[Removal, ...], temporary: Path) -> tuple[Outcome, Proof]:
    restoration = Restoration(removals, work.seen.info.video.frame_bytes)
    stats, warnings = _written(work, temporary, restoration, None)
    proof = verify(Pair(work.job.source, temporary, stats), removals, work.on_event, work.cancelled)
    marks = zip(removals, restoration.methods, strict=True)
    tracks = tuple(track_report(removal.track, method, removal.matte) for removal, method in marks)
    return Outcome(tracks, restoration.shares, proof.verification, stats.num_frames, warnings), proof


def _written(
    work: _Work, temporary: Path, transform: Transform, crop: Box | None
) -> tuple[TranscodeStats, tuple[str, ...]]:
    """The source through a transform into the temporary file, with its provenance; what could not be carried."""
    job, suffix = work.job, work.job.target.suffix
    disclose = job.platform in _MACHINE_MADE
    stats = transcode(
        job.source,
        temporary,
        choose_encoder(work.seen.info, job.codec, job.quality, suffix=suffix, crop=crop),
        transform,
        tags=provenance_tags(work.provenance, suffix, disclose_ai=disclose),
        on_frame=_meter(work.on_event, work.seen),
        cancelled=work.cancelled,
    )
    lost = carry_provenance(job.source, temporary, work.provenance, disclose_ai=disclose)
    return stats, (*stats.warnings, *lost)


def _stronger(removals: tuple[Removal, ...], proof: Proof) -> tuple[Removal, ...]:
    """The same removals, those that left too much set to invent everything."""
    return tuple(
        replace(removal, mode=Mode.INPAINT) if residue is not None and not residue.is_gone else removal
        for removal, residue in zip(removals, proof.residues, strict=True)
    )


def _meter(on_event: OnEvent, seen: Look):
    def on_frame(num_frames: int) -> None:
        if num_frames % 4 == 0 or num_frames == seen.num_frames:
            on_event(Progress("restore", num_frames, seen.num_frames))

    return on_frame
