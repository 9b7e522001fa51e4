"""The published page: protocol, command, machine, figures, and where BlankLogo loses."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import mean, median

from benchmarks.checks import CleanOutcome, LengthOutcome
from benchmarks.peers import INPAINTINGS, PEERS
from benchmarks.runner import OURS, Entry, Outcome

LOSS_DB = 0.5  # a row this far behind the best peer is listed as lost

_PROTOCOL = f"""\
A mark whose alpha and colour are known is burned into a clip at a sub-pixel place and the result compressed with x264
(`fast`, crf 23). Every contender restores that same file. Before anything is scored, its result must have the same
number of frames, the same size, the same time stamps and the same sound packets as the source.

- **BlankLogo** runs with default settings through its public `remove`, in a process of its own, told what the column
  *given* says: nothing, the mark's picture (PNG with alpha), or its box. Its result is scored after its own lossy
  encoding.
- **ns, telea, harmonic**: OpenCV's inpaintings and the smoothest fill there is, frame by frame on each plane, given
  the *true* mask (alpha > 0.02, grown 2 px) and the true times. **delogo**: FFmpeg's, given the true box and the true
  times. Their results are stored without loss, which is in their favour.
- *Lead* is over the best peer, picked anew for each row by whoever comes out best, which is in their favour too.

Inside is where alpha > 0.02, grown by 4 px; outside is farther than 24 px from the mark. PSNR is in dB over 8-bit code
values, inside weighted 6 : 1 : 1 over Y, U, V and against the truth. *Luma* is the same for luma alone; *worst* is luma
of the frame worse than 95 of 100; *temporal* is luma PSNR of the change of the error (flicker). *Residue*
is the share of the mark's own gradient that is left: 0 is gone, 1 untouched. *Outside* is luma against the file that
came in. CPU and wall are ratios to a plain transcode of the same file with the same encoder settings in a process of
its own; start-up is counted on both sides. A lead within {LOSS_DB} dB is a draw.

How often marks are found at all, and found where there is none: [DETECTION.md](DETECTION.md). What the service stands:
[SERVICE.md](SERVICE.md).
"""


@dataclass(frozen=True)
class Results:
    """All that one run found."""

    outcomes: tuple[Outcome, ...]
    clean: tuple[CleanOutcome, ...]
    lengths: tuple[LengthOutcome, ...]
    command: str
    clips: str

    @property
    def has_failed_work(self) -> bool:
        """Whether a contender broke or did other work than asked."""
        return any(entry.is_failure_of_work for outcome in self.outcomes for entry in outcome.entries.values())


def write_page(results: Results, path: Path) -> Path:
    """Write the page as Markdown."""
    parts = [
        "# Benchmark",
        f"Made by `{results.command}` on {date.today().isoformat()}, on {results.clips}.\n{machine()}",
        "## Protocol",
        _PROTOCOL.strip(),
        *_quality(results.outcomes),
        *_cost(results.outcomes),
        *_clean(results.clean),
        *_lengths(results.lengths),
        *_losses(results.outcomes),
        *_failures(results.outcomes),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(parts) + "\n")
    return path


def machine() -> str:
    names = ", ".join(f"{name} {version(name)}" for name in ("av", "numpy", "opencv-python-headless"))
    cores = f"{os.cpu_count()} cores"
    memory = f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB" if os.name == "posix" else ""
    python = ".".join(map(str, sys.version_info[:3]))
    return f"Machine: {cores} ({platform.machine()}), {memory} of memory, no GPU used; Python {python}, {names}."


def _rows(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _quality(outcomes: Sequence[Outcome]) -> list[str]:
    if not outcomes:
        return []
    header = ["clip", "mark", "motion", "given", "marked", *PEERS, "BlankLogo", "lead", "luma", "worst", "temporal"]
    header += ["best peer's temporal", "residue", "outside"]
    leads = [outcome.lead_db for outcome in outcomes if outcome.lead_db is not None]
    lines = ["## Quality (dB)", _rows(header, [_quality_row(outcome) for outcome in outcomes])]
    if leads:
        won = sum(lead > LOSS_DB for lead in leads)
        lost = sum(lead < -LOSS_DB for lead in leads)
        words = f"{won} of {len(leads)} rows won, {len(leads) - won - lost} drawn, {lost} lost; "
        lines.append(f"{words}median lead over the best peer {median(leads):+.1f} dB.")
    return lines + _invented([outcome for outcome in outcomes if outcome.trial.is_invented])


def _invented(outcomes: Sequence[Outcome]) -> list[str]:
    """How what is made up compares, over the marks under which nobody can know what there is."""
    if not outcomes:
        return []
    over = ", ".join(f"{_mean_lead(outcomes, peer)} dB over {peer}" for peer in INPAINTINGS)
    return [f"Of these, on the {len(outcomes)} opaque marks before a camera that stands still, in the mean: {over}."]


def _mean_lead(outcomes: Sequence[Outcome], peer: str) -> str:
    pairs = [(_psnr_db(outcome.ours), _psnr_db(outcome.entries[peer])) for outcome in outcomes]
    leads = [ours - theirs for ours, theirs in pairs if ours is not None and theirs is not None]
    return f"{mean(leads):+.1f}" if leads else "-"


def _psnr_db(entry: Entry) -> float | None:
    return entry.score and entry.score.psnr_inside_db


def _quality_row(outcome: Outcome) -> list[str]:
    ours, peer = outcome.ours.score, outcome.best_peer
    about = [outcome.case.name, outcome.trial.mark, outcome.trial.burning.motion, outcome.trial.given]
    inside = [_inside(outcome.entries[name]) for name in ("marked", *PEERS)]
    lead = outcome.lead_db
    figures = [
        ours and ours.psnr_inside_luma_db,
        ours and ours.psnr_worst_frame_db,
        ours and ours.psnr_temporal_db,
        peer and peer.score and peer.score.psnr_temporal_db,
    ]
    return [
        *about,
        *inside,
        f"**{_inside(outcome.entries[OURS])}**",
        "-" if lead is None else f"{lead:+.1f}",
        *map(_number, figures),
        _number(ours and ours.residue, 3),
        _number(ours and ours.psnr_unchanged_db),
    ]


def _inside(entry: Entry) -> str:
    if entry.score is None:
        return "failed" if entry.is_failure_of_work else "-"
    return _number(entry.score.psnr_inside_db)


def _cost(outcomes: Sequence[Outcome]) -> list[str]:
    rows = []
    for outcome in outcomes:
        cost, plain = outcome.ours.cost, outcome.transcode
        if cost is None or cost.error or plain.error:
            continue
        frames_per_second = outcome.case.num_frames / cost.wall_seconds
        size = f"{outcome.case.width_px}x{outcome.case.height_px}"
        figures = [cost.cpu_seconds, cost.cpu_seconds / plain.cpu_seconds, cost.wall_seconds / plain.wall_seconds]
        row = [outcome.trial.name, size, str(outcome.case.num_frames), *(_number(figure, 2) for figure in figures)]
        rows.append([*row, _number(frames_per_second), _number((cost.peak_rss_bytes or 0) / 1e6, 0)])
    if not rows:
        return []
    header = ["case", "size", "frames", "CPU s", "CPU ratio", "wall ratio", "frames/s", "peak MB"]
    return ["## Cost, against a plain transcode with the same encoder settings", _rows(header, rows)]


def _clean(outcomes: Sequence[CleanOutcome]) -> list[str]:
    if not outcomes:
        return []
    rows = [[one.name, "yes" if one.is_identical else "**no**", one.error or one.status] for one in outcomes]
    return ["## Clips without a mark", _rows(["clip", "byte-identical", "said"], rows)]


def _lengths(outcomes: Sequence[LengthOutcome]) -> list[str]:
    if not outcomes:
        return []
    header = ["length", "CPU s", "CPU ratio", "wall ratio", "peak MB", "said"]
    return ["## Memory and cost against length (1280x720, told nothing)", _rows(header, map(_length_row, outcomes))]


def _length_row(one: LengthOutcome) -> list[str]:
    if one.error:
        return [f"{one.duration_seconds} s", "-", "-", "-", "-", f"failed: {one.error}"]
    ours, plain = one.removal, one.transcode
    figures = [ours.cpu_seconds, ours.cpu_seconds / plain.cpu_seconds, ours.wall_seconds / plain.wall_seconds]
    peak = _number((ours.peak_rss_bytes or 0) / 1e6, 0)
    return [f"{one.duration_seconds} s", *(_number(figure, 2) for figure in figures), peak, one.status]


def _losses(outcomes: Sequence[Outcome]) -> list[str]:
    lines = [_loss_line(outcome) for outcome in outcomes if outcome.lead_db is not None and outcome.lead_db < -LOSS_DB]
    return ["## Where BlankLogo loses", "\n".join(lines) if lines else "On none of these rows."] if outcomes else []


def _loss_line(outcome: Outcome) -> str:
    peer = outcome.best_peer
    said = outcome.report.get("verify", {}).get("status", "no report")
    found = "found no mark" if said == "no_mark" else f"reported `{said}`"
    warnings = "; ".join(outcome.report.get("warnings", ()))
    rival = peer.name if peer else "nobody"
    words = f"- {outcome.trial.name}: {outcome.lead_db:+.1f} dB against {rival}; BlankLogo {found}"
    return f"{words} and said: {warnings}." if warnings else f"{words}."


def _failures(outcomes: Sequence[Outcome]) -> list[str]:
    failures = dict.fromkeys(
        f"- {entry.name}" + (f" on {outcome.trial.name}" if entry.is_failure_of_work else "") + f": {entry.failure}"
        for outcome in outcomes
        for entry in outcome.entries.values()
        if entry.failure
    )
    return ["## Who could not take part", "\n".join(failures)] if failures else []
