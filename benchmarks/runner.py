"""Run a trial: make its case, let everyone restore the very same file, check, score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import Measured, run, run_worker
from benchmarks.peers import INPAINTINGS, PEERS, delogo_command
from benchmarks.plan import Trial
from blanklogo.errors import BlankLogoError
from blanklogo.media.compare import compare_streams
from blanklogo.testbed.cases import Case, make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scoring import Score, score

Tell = Callable[[str], None]
OURS = "blanklogo"


@dataclass(frozen=True, eq=False)
class Entry:
    """One contender in one trial.

    Attributes:
        result: its file; None where it could not run.
        cost: None where it could not run.
        score: None where it failed.
        failure: why there is no score, in a sentence.
        is_failure_of_work: it ran and did not do the same work (or broke); a missing tool is none.
    """

    name: str
    result: Path | None = None
    cost: Measured | None = None
    score: Score | None = None
    failure: str | None = None
    is_failure_of_work: bool = False


@dataclass(frozen=True, eq=False)
class Outcome:
    """A trial's case, its contenders by name (and `marked`, the case untouched), and the plain transcode's cost."""

    trial: Trial
    case: Case
    entries: dict[str, Entry]
    transcode: Measured

    @property
    def ours(self) -> Entry:
        return self.entries[OURS]

    @property
    def best_peer(self) -> Entry | None:
        """By PSNR inside the mark; an oracle's choice, made anew for each case."""
        scored = [self.entries[name] for name in PEERS if self.entries[name].score is not None]
        return max(scored, key=_inside_db, default=None)

    @property
    def lead_db(self) -> float | None:
        """BlankLogo's PSNR inside less the best peer's."""
        if self.best_peer is None or self.ours.score is None:
            return None
        return _inside_db(self.ours) - _inside_db(self.best_peer)

    @property
    def report(self) -> dict[str, Any]:
        """BlankLogo's own report; empty where it failed."""
        return self.ours.cost.answer.get("report", {}) if self.ours.cost else {}

    def as_dict(self) -> dict[str, Any]:
        """A JSON-like copy, for later comparison."""
        scores = {name: entry.score and entry.score.as_dict() for name, entry in self.entries.items()}
        costs = {
            name: {"cpu_seconds": cost.cpu_seconds, "wall_seconds": cost.wall_seconds}
            for name, cost in [("transcode", self.transcode), *((n, e.cost) for n, e in self.entries.items())]
            if cost is not None
        }
        failures = {name: entry.failure for name, entry in self.entries.items() if entry.failure}
        peak = self.ours.cost.peak_rss_bytes if self.ours.cost else None
        report = self.report
        return {
            "name": self.trial.name,
            "scores": scores,
            "costs": costs,
            "failures": failures,
            "peak_rss_bytes": peak,
            "report": report,
        }


def run_trial(trial: Trial, folder: Path, tell: Tell) -> Outcome:
    """Everything about one trial; files go into `folder`."""
    tell(f"{trial.name}: making the case")
    case = make_case(trial.clip, draw_mark(trial.mark), folder, trial.burning)
    tell(f"{trial.name}: plain transcode")
    plain = run_worker({"work": "transcode", "source": str(case.marked), "target": str(folder / "transcode.mp4")})
    entries = {"marked": Entry("marked", case.marked, None, score(case, case.marked))}
    for name in (OURS, *PEERS):
        tell(f"{trial.name}: {name}")
        entries[name] = _contend(name, trial, case)
    return Outcome(trial, case, entries, plain)


def _contend(name: str, trial: Trial, case: Case) -> Entry:
    target = case.folder / f"{name}.mp4"
    cost = _restore(name, trial, case, target)
    if cost is None:
        return Entry(name, failure="this machine has no ffmpeg command")
    if cost.error:
        return Entry(name, None, cost, failure=cost.error, is_failure_of_work=True)
    try:
        difference = _different_work(case, target)
        if difference:
            return Entry(name, target, cost, failure=difference, is_failure_of_work=True)
        return Entry(name, target, cost, score(case, target))
    except BlankLogoError as error:
        return Entry(name, target, cost, failure=str(error), is_failure_of_work=True)


def _restore(name: str, trial: Trial, case: Case, target: Path) -> Measured | None:
    if name == "delogo":
        command = delogo_command(case, target)
        return run(command) if command else None
    if name in INPAINTINGS:
        return run_worker({"work": name, "case": str(case.folder), "target": str(target)})
    request: dict[str, Any] = {"work": "remove", "source": str(case.marked), "target": str(target)}
    if trial.given == "mark":
        request["marks"] = [str(case.mark_picture)]
    if trial.given == "box":
        request["boxes"] = [place.box.as_list() for place in case.places]
    return run_worker(request)


def _different_work(case: Case, result: Path) -> str | None:
    """What this result has not in common with the source: number of frames, time stamps, other streams.

    Its size is checked by `score`, which decodes it.
    """
    comparison = compare_streams(case.marked, result)
    if comparison.num_frames_result == case.num_frames and comparison.pts_match and comparison.others_identical:
        return None
    return "; ".join(comparison.details) or f"{comparison.num_frames_result} frames of {case.num_frames}"


def _inside_db(entry: Entry) -> float:
    return entry.score.psnr_inside_db if entry.score and entry.score.psnr_inside_db is not None else float("-inf")
