"""One removal in three steps that may run in different places: learn, restore chunk after chunk, join and verify.

    learn_plan    the first two passes, once for all chunks; what they found is a `RemovalPlan`
    restore_chunk the third pass, for some of the frames, with the same context on either side as in the whole
    finish_chunks the packets joined, everything else from the source, then verified and put in place as ever

Restored frames are the very ones of the undivided removal, since chunks begin and end where windows do. Encoded they
differ in the last bits: each chunk begins with a key frame, and an encoder gives bits by what it has seen before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path

from blanklogo.errors import OptionError, UnsupportedError
from blanklogo.media.chunks import Extent, check_can_join, encode_chunk, join_chunks
from blanklogo.media.encoding import EncoderSettings, choose_encoder
from blanklogo.media.frames import Frame
from blanklogo.media.gate import admitted
from blanklogo.media.info import MediaInfo
from blanklogo.media.output import check_target, pending_output
from blanklogo.media.probe import probe
from blanklogo.media.transcode import TranscodeStats
from blanklogo.pipeline.finish import Work, Written, finish, write_with_provenance
from blanklogo.pipeline.look import Cancelled, Look, OnEvent, look
from blanklogo.pipeline.networks import inventor_for
from blanklogo.pipeline.plan import candidates, check_places
from blanklogo.pipeline.removal_plan import RemovalPlan
from blanklogo.pipeline.report import Outcome, report, track_report
from blanklogo.pipeline.restore import CONTEXT, Count, Removal, Restoration, window_frames
from blanklogo.pipeline.run import Found, learn_removals, why_nothing
from blanklogo.provenance import check_can_carry, read_provenance
from blanklogo.types import Detection, Job, Mode, Notice, PixelShares, Progress, Report, Verification


@dataclass(frozen=True)
class RestoredChunk:
    """A chunk's file, and how each mark was taken out in it."""

    path: Path
    counts: tuple[Count, ...]


RestoreAll = Callable[[RemovalPlan], Sequence[RestoredChunk]]
"""Restores every chunk by a plan, wherever that is done; in the order of time."""


def check_chunkable(job: Job) -> None:
    """What can be known before the work.

    Raises:
        OptionError: a mode that has no chunks, or a container in which they are not joined.
        TargetError, SourceError, UnsupportedError: as `pipeline.run`.
    """
    if job.mode is Mode.CROP:
        raise OptionError("chunks of mode crop, which restores nothing", accepted="mode auto or inpaint")
    info = probe(job.source)
    check_target(job.source, job.target, job.overwrite)
    check_can_carry(read_provenance(job.source))
    check_can_join(job.target.suffix)
    choose_encoder(info, job.codec, job.quality, suffix=job.target.suffix)
    check_places(job, info)


def learn_plan(job: Job, on_event: OnEvent, cancelled: Cancelled) -> tuple[RemovalPlan, Report]:
    """What is to be taken out, and the report of having found it. Raises as `pipeline.run`."""
    started = time.monotonic()
    check_places(job, admitted(job.source, job.limits, cancelled))
    inventor_for(job.networks)  # a name that nobody knows is refused before the work
    seen = look(job, on_event, cancelled)
    found = candidates(job, seen)
    learnt = learn_removals(job, seen, found, on_event, cancelled) if found else Found((), why_nothing(seen))
    seen = replace(seen, weights=(*seen.weights, *learnt.weights))
    damage = seen.num_damaged_frames, seen.num_restamped_frames
    notes = *seen.notes, *learnt.notes
    plan = RemovalPlan(seen.stamps, learnt.removals, notes, *damage, seen.weights)
    return plan, _step_report(job, seen, learnt.removals, seen.num_frames, started)


def restore_chunk(
    job: Job, plan: RemovalPlan, span: tuple[int, int], suffix: str, on_event: OnEvent, cancelled: Cancelled
) -> tuple[tuple[Count, ...], Report]:
    """Some frames of the source without the marks, into an MP4 without anything else.

    Args:
        job: its target is the chunk's file.
        span: the first frame's index and the one after the last, on borders of windows.
        suffix: of the whole result, whose encoder settings these are.

    Raises:
        OptionError: the span is none of this video.
        As `pipeline.run`.
    """
    started, info = time.monotonic(), probe(job.source)
    _check_span(span, len(plan.stamps), info)
    extent = Extent(*span, CONTEXT)
    restoration = Restoration(plan.removals, info.video.frame_bytes)

    def transform(frames: Iterator[Frame]) -> Iterator[Frame]:
        first, _ = extent.read_range(len(plan.stamps))
        return restoration.chunk(frames, list(islice(frames, span[0] - first)), extent.num_frames)

    with pending_output(job.source, job.target, job.overwrite) as temporary:
        encode_chunk(
            job.source,
            temporary,
            choose_encoder(info, job.codec, job.quality, suffix=suffix),
            transform,
            plan.stamps,
            extent,
            on_frame=lambda num_frames: on_event(Progress("restore", num_frames, extent.num_frames)),
            cancelled=cancelled,
        )
    return restoration.counts, _step_report(job, _seen(plan, info), plan.removals, extent.num_frames, started)


def finish_chunks(
    job: Job, plan: RemovalPlan, restore_all: RestoreAll, on_event: OnEvent, cancelled: Cancelled
) -> Report:
    """The whole result from its chunks; without marks, the source's bytes.

    Args:
        restore_all: called once, and once more if too much of a mark was left.

    Raises:
        UnsupportedError: the source is damaged, and may not decode the same from the middle.
        EncodeError, VerificationError, WriteError, CancelledError: as `pipeline.run`.
    """
    started = time.monotonic()
    work = Work(job, _seen(plan, probe(job.source)), read_provenance(job.source), on_event, cancelled)

    def restore(removals: tuple[Removal, ...], temporary: Path) -> Written:
        _check_sound(plan)
        return _joined(work, plan, restore_all(replace(plan, removals=removals)), temporary)

    outcome = finish(work, plan.removals, plan.notes, restore)
    for warning in outcome.warnings:
        on_event(Notice(warning))
    return report(job, work.seen, outcome, time.monotonic() - started)


def spans(num_frames: int, num_chunks: int, frame_bytes: int) -> tuple[tuple[int, int], ...]:
    """So many chunks of about the same length, on borders of windows.

    Raises:
        OptionError: there are not so many windows.
    """
    return cut(0, num_frames, num_chunks, window_frames(frame_bytes))


def cut(start_index: int, stop_index: int, num_parts: int, window: int) -> tuple[tuple[int, int], ...]:
    """Frames from a border of a window on, in parts of about the same length.

    Raises:
        OptionError: there are not so many windows.
    """
    num_windows = -(-(stop_index - start_index) // window)
    if not 1 <= num_parts <= num_windows:
        raise OptionError(
            f"{stop_index - start_index} frames in {num_parts} chunks",
            accepted=f"1 to {num_windows} of {window} frames",
        )
    borders = [start_index + window * (num_windows * k // num_parts) for k in range(num_parts)] + [stop_index]
    return tuple(pairwise(borders))


def _joined(work: Work, plan: RemovalPlan, chunks: Sequence[RestoredChunk], temporary: Path) -> Written:
    def write(settings: EncoderSettings, tags: Mapping[str, str]) -> TranscodeStats:
        paths = [chunk.path for chunk in chunks]
        source = work.job.source
        return join_chunks(source, temporary, settings, paths, plan.stamps, tags=tags, cancelled=work.cancelled)

    stats, warnings = write_with_provenance(work, temporary, write)
    each = zip(*(chunk.counts for chunk in chunks), strict=True)
    return Written(stats, warnings, tuple(sum(counts, Count(0.0, 0.0)) for counts in each))


def _check_sound(plan: RemovalPlan) -> None:
    if plan.num_damaged_frames or plan.num_restamped_frames:
        raise UnsupportedError(
            f"chunks of a damaged video ({plan.num_damaged_frames} frames concealed or lost, "
            f"{plan.num_restamped_frames} time stamps mended)",
            hint="without chunks",
        )


def _check_span(span: tuple[int, int], num_frames: int, info: MediaInfo) -> None:
    window = window_frames(info.video.frame_bytes)
    start, stop = span
    if not 0 <= start < stop <= num_frames or start % window or (stop % window and stop != num_frames):
        raise OptionError(
            f"a chunk of frames {start} to {stop} of {num_frames}", accepted=f"multiples of {window}, or the end"
        )


def _seen(plan: RemovalPlan, info: MediaInfo) -> Look:
    damage = plan.num_damaged_frames, plan.num_restamped_frames
    return Look(info, plan.stamps, Detection((), ()), (), *damage, plan.weights)


def _step_report(job: Job, seen: Look, removals: tuple[Removal, ...], num_frames: int, started: float) -> Report:
    """Of a step on its own: nothing is verified yet."""
    tracks = tuple(track_report(removal.track, "none", removal.matte) for removal in removals)
    verification = Verification("planned" if removals else "no_mark", num_damaged_frames=seen.num_damaged_frames)
    outcome = Outcome(tracks, PixelShares(), verification, num_frames, ())
    return report(replace(job, dry_run=True), seen, outcome, time.monotonic() - started)
