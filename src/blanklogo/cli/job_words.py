"""A service's jobs in words, for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from blanklogo.cli.words import STATUS_WORDS, counted, share_words, track_words, verify_words

if TYPE_CHECKING:
    from blanklogo.client import Job

_HEADS = ("id", "status", "", "created", "video")


def job_words(job: Job, written: Path | None = None) -> list[str]:
    """What a job is about, how far it is, and what came of it."""
    size = "" if job.input_bytes is None else f", {job.input_bytes / 1e6:.1f} MB"
    took = "" if job.took_seconds is None else f", {job.took_seconds:.1f} s"
    lines = [f"{job.id}: {_state(job)}", f"  {job.input_name}{size}, {_moment(job)}{took}"]
    if job.failure is not None:
        lines.append(f"  {job.failure}")
    if job.report is not None:
        report = job.report
        lines.append(f"  {counted(report.watermarks_detected, 'mark')}")
        lines += [f"    {track_words(track)}" for track in report.tracks]
        if report.tracks:
            lines += [f"    {line}" for line in (*share_words(report.pixels), *verify_words(report.verify))]
    if job.result is not None:
        where = job.result.name if written is None else written
        lines.append(f"  result: {where}, {job.result.num_bytes / 1e6:.1f} MB, SHA-256 {job.result.sha256}")
    return lines


def table(jobs: Sequence[Job]) -> list[str]:
    """A line each; nothing of none."""
    if not jobs:
        return []
    rows = [_HEADS, *((job.id, job.status, _how_far(job), _moment(job), job.input_name) for job in jobs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(part.ljust(width) for part, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _state(job: Job) -> str:
    how_far = _how_far(job)
    return f"{job.status} ({how_far})" if how_far else job.status


def _how_far(job: Job) -> str:
    if job.outcome is not None:
        return STATUS_WORDS.get(job.outcome, job.outcome)
    if job.status == "processing":
        return f"{job.progress_percent} %, {job.step}"
    return "" if job.failure is None else type(job.failure).__name__


def _moment(job: Job) -> str:
    """UTC, as everything the service says."""
    return job.created.strftime("%Y-%m-%d %H:%MZ")
