"""The command line of the benchmark: `python -m benchmarks --help`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import cv2

from benchmarks.checks import run_clean, run_length
from benchmarks.plan import Plan, plan
from benchmarks.runner import Outcome, Tell, run_trial
from benchmarks.strips import draw_strip
from benchmarks.table import Results, write_page
from blanklogo.errors import BlankLogoError

HERE = Path(__file__).resolve().parent


def main(arguments: list[str] | None = None) -> int:
    """Run, write the page and the pictures; 1 if a contender did other work than asked, 2 if asked wrongly."""
    options = _parser().parse_args(arguments)
    cv2.setNumThreads(1)
    tell = _teller()
    try:
        chosen = plan(options.clips, options.quick, options.long, options.skip, options.only)
        results = _run(chosen, options, tell)
    except BlankLogoError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return error.exit_code
    is_whole = not (options.quick or options.only)
    page = write_page(results, HERE / "RESULTS.md" if is_whole else options.out / "RESULTS.md")
    (options.out / "results.json").write_text(json.dumps([one.as_dict() for one in results.outcomes], indent=1))
    print(page)
    return 1 if results.has_failed_work else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--clips", type=Path, help="a folder of clips without marks; without it clips are generated")
    parser.add_argument("--out", type=Path, default=HERE / "out", help="cases, results and pictures go here")
    parser.add_argument("--quick", action="store_true", help="three short cases; the page goes to OUT")
    parser.add_argument("--long", action="store_true", help="memory on ten minutes of video")
    parser.add_argument("--skip", action="append", default=[], help="file name (pattern) in CLIPS to leave alone")
    parser.add_argument("--only", action="append", default=[], help="run only trials of this name (pattern)")
    return parser


def _teller() -> Tell:
    started = time.monotonic()

    def tell(words: str) -> None:
        print(f"{time.monotonic() - started:7.1f} s  {words}", file=sys.stderr, flush=True)

    return tell


def _run(chosen: Plan, options: argparse.Namespace, tell: Tell) -> Results:
    options.out.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for trial in chosen.trials:
        outcome = run_trial(trial, options.out / "cases" / trial.name, tell)
        draw_strip(outcome, options.out / "pictures")
        tell(f"{trial.name}: {_summary(outcome)}")
        outcomes.append(outcome)
    clean = [run_clean(name, source, options.out / "clean", tell) for name, source in chosen.clean]
    lengths = [run_length(seconds, options.out / "lengths", tell) for seconds in chosen.length_seconds]
    num_clips = len({trial.clip.name for trial in chosen.trials})
    origin = f"{num_clips} {'given' if options.clips else 'generated'} clips"
    return Results(tuple(outcomes), tuple(clean), tuple(lengths), _command(options), origin)


def _summary(outcome: Outcome) -> str:
    parts = [
        f"{name} {entry.score.psnr_inside_db:.1f}" if entry.score else f"{name} failed"
        for name, entry in outcome.entries.items()
        if entry.score or entry.is_failure_of_work
    ]
    return ", ".join(parts) + " dB inside"


def _command(options: argparse.Namespace) -> str:
    """The command as others would type it: folders by their role."""
    words = ["python -m benchmarks", *(["--clips CLIPS"] if options.clips else [])]
    words += [f"--{name}" for name in ("quick", "long") if getattr(options, name)]
    words += [f"--{name} '{pattern}'" for name in ("skip", "only") for pattern in getattr(options, name)]
    return " ".join(words)


if __name__ == "__main__":
    sys.exit(main())
