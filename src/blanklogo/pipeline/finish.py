"""From what is to be taken out to a verified result in its place: write, read back, once more if too much was left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from blanklogo.errors import TargetError
from blanklogo.matting.blind import is_still
from blanklogo.media.encoding import EncoderSettings, choose_encoder
from blanklogo.media.output import copy_bytes, pending_output
from blanklogo.media.transcode import TranscodeStats
from blanklogo.pipeline.look import Cancelled, Look, OnEvent
from blanklogo.pipeline.report import Outcome, track_report
from blanklogo.pipeline.restore import Count, Removal, pixel_shares
from blanklogo.pipeline.verify import Pair, Proof, verify
from blanklogo.provenance import Provenance, carry_provenance, provenance_tags
from blanklogo.types import Box, Job, Mode, Notice, PixelShares, Platform, Verification

_MACHINE_MADE = frozenset(
    {Platform.SORA, Platform.RUNWAY, Platform.PIKA, Platform.KLING, Platform.LUMA, Platform.MIDJOURNEY}
)
_SAME_CONTAINER = ({".mp4", ".m4v", ".mov"}, {".mkv", ".webm"}, {".avi"})


@dataclass(frozen=True, eq=False)
class Work:
    """What every step of one removal needs."""

    job: Job
    seen: Look
    provenance: Provenance
    on_event: OnEvent
    cancelled: Cancelled


@dataclass(frozen=True)
class Written:
    """What a way of writing the result came to; `warnings` are what could not be carried."""

    stats: TranscodeStats
    warnings: tuple[str, ...]
    counts: tuple[Count, ...]


Write = Callable[[EncoderSettings, Mapping[str, str]], TranscodeStats]
"""Writes a file with these settings and tags."""

Restore = Callable[[tuple[Removal, ...], Path], Written]
"""Writes the video without these marks to a temporary path."""


def untouched(work: Work, why: tuple[str, ...]) -> Outcome:
    """The source's bytes as the result.

    Raises:
        TargetError: the target's name is another container's.
    """
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


def finish(work: Work, removals: tuple[Removal, ...], notes: tuple[str, ...], restore: Restore) -> Outcome:
    """The result without these marks, verified and in its place; without marks, the source's bytes.

    Raises:
        VerificationError: the result is not the same film.
        As `restore` does.
    """
    if not removals:
        return untouched(work, notes)
    job = work.job
    with pending_output(job.source, job.target, job.overwrite) as temporary:
        outcome, proof = _attempt(work, removals, temporary, restore)
        stronger = _stronger(removals, proof)
        if any(again.mode is not removal.mode for again, removal in zip(stronger, removals, strict=True)):
            work.on_event(Notice("some of the mark was left; restoring again, inventing what is under it"))
            outcome, _ = _attempt(work, stronger, temporary, restore)
    invented = tuple(_invented(removal) for removal in removals if is_still(removal.matte))
    return replace(outcome, warnings=(*notes, *invented, *outcome.warnings))


def _invented(removal: Removal) -> str:
    return (
        f"the camera stands still behind the mark at {removal.track.box.as_list()}, so what lies under it was mostly "
        "invented; the mark's own picture (--mark PICTURE.png) would let it be restored"
    )


def _attempt(work: Work, removals: tuple[Removal, ...], temporary: Path, restore: Restore) -> tuple[Outcome, Proof]:
    written = restore(removals, temporary)
    proof = verify(Pair(work.job.source, temporary, written.stats), removals, work.on_event, work.cancelled)
    tracks = tuple(
        track_report(removal.track, count.method, removal.matte)
        for removal, count in zip(removals, written.counts, strict=True)
    )
    shares, num_frames = pixel_shares(written.counts), written.stats.num_frames
    return Outcome(tracks, shares, proof.verification, num_frames, written.warnings), proof


def write_with_provenance(
    work: Work, temporary: Path, write: Write, crop: Box | None = None
) -> tuple[TranscodeStats, tuple[str, ...]]:
    """Writes the temporary file, with the source's provenance; also what could not be carried."""
    job, suffix = work.job, work.job.target.suffix
    disclose = job.platform in _MACHINE_MADE
    settings = choose_encoder(work.seen.info, job.codec, job.quality, suffix=suffix, crop=crop)
    stats = write(settings, provenance_tags(work.provenance, suffix, disclose_ai=disclose))
    lost = carry_provenance(job.source, temporary, work.provenance, disclose_ai=disclose)
    return stats, (*stats.warnings, *lost)


def _stronger(removals: tuple[Removal, ...], proof: Proof) -> tuple[Removal, ...]:
    """The same removals, those that left too much set to invent everything."""
    return tuple(
        replace(removal, mode=Mode.INPAINT) if residue is not None and not residue.is_gone else removal
        for removal, residue in zip(removals, proof.residues, strict=True)
    )
