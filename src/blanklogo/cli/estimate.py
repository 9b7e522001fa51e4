"""`blanklogo estimate`: what a removal will take, in seconds and dollars."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blanklogo.cli import options
from blanklogo.cli.output import Output

if TYPE_CHECKING:
    from blanklogo.engines.spec import EngineSpec
    from blanklogo.estimate import Estimate, EstimateLine

# Spelled out here, and held equal to the price table by a test: asking it would load NumPy for `--help`.
PROVIDERS = ("modal", "runpod", "replicate", "aws")
HEADS = ("where", "worker", "seconds", "known", "start", "USD warm", "USD cold", "USD idle", "break-even", "price of")
SMALL_USD = 0.01  # below this two decimals would say nothing

Sources = Annotated[list[Path], typer.Argument(metavar="IN", help="The videos.", show_default=False)]
Gpu = Annotated[
    str | None,
    typer.Option("--gpu", metavar="NAME", help="A worker with this GPU beside one without.", show_default=False),
]
Provider = Annotated[
    str | None,
    typer.Option("--provider", metavar="NAME", help=f"Only there: {', '.join(PROVIDERS)}.", show_default=False),
]
Cores = Annotated[
    float | None, typer.Option("--cores", metavar="N", help="CPU cores of a worker [default: 2].", show_default=False)
]
Memory = Annotated[
    float | None,
    typer.Option("--memory", metavar="GIB", help="Memory of a worker, in GiB [default: 16].", show_default=False),
]

EPILOG = """\b
Examples:
  blanklogo estimate clip.mp4                        here, and wherever such a worker has a price
  blanklogo estimate *.mp4 --provider modal
  blanklogo estimate clip.mp4 --gpu A10              what a GPU would cost
  blanklogo estimate clip.mp4 --cores 4 --memory 2
  blanklogo estimate clip.mp4 --json | jq '.clips[].lines[].usd_cold'

A worker is otherwise as the engines' variables say (BLANKLOGO_CPU_CORES, BLANKLOGO_MEMORY_BYTES, …). Prices are dated
and change; docs/cost.md says how the figures come about. Exit codes: 0 done, 2 asked for wrongly."""


def estimate(
    context: typer.Context,
    sources: Sources,
    gpu: Gpu = None,
    provider: Provider = None,
    cores: Cores = None,
    memory_gib: Memory = None,
    is_json: options.Json = False,
) -> int:
    """Say what a removal will take: seconds, and dollars by provider; nothing is decoded but a first frame."""
    from blanklogo.estimate import estimate as estimate_clip
    from blanklogo.media.probe import probe

    spec = worker_spec(gpu, cores, memory_gib)
    clips = [estimate_clip(probe(source), spec, provider) for source in sources]
    words = [line for clip in clips for line in clip_words(clip)]
    fields = {"clips": [clip.as_dict() for clip in clips]}
    Output(context.obj, is_json=is_json).result(fields, words, is_data=True)
    return 0


def worker_spec(gpu: str | None, cores: float | None, memory_gib: float | None) -> EngineSpec:
    """The worker that the environment describes, with what the options say.

    Raises:
        OptionError: a value does not fit.
    """
    from blanklogo.engines.spec import GIB, EngineSpec

    told = {
        "gpu": None if gpu is None else (gpu,),
        "cpu_cores": cores,
        "memory_bytes": None if memory_gib is None else round(memory_gib * GIB),
    }
    return replace(
        EngineSpec.from_environment(os.environ), **{name: one for name, one in told.items() if one is not None}
    )


def clip_words(clip: Estimate) -> list[str]:
    """The clip, a table, how the seconds are known, and what to do."""
    table = aligned([HEADS, *(line_words(line, clip.spec) for line in clip.lines)])
    measured = clip.measured
    source = f"{measured.machine}, {measured.date}"
    return [
        f"{clip.name}: {clip.width_px}x{clip.height_px}, {clip.num_frames} frames",
        *(f"  {row}" for row in table),
        f"  from removals on {source}, which the rule fits within {measured.worst_error:.0%};",
        "  the time that a provider takes to start a container is not in it",
        *(f"  note: {sentence}" for sentence in clip.advice),
    ]


def line_words(line: EstimateLine, spec: EngineSpec) -> tuple[str, ...]:
    """One row of the table."""
    from blanklogo.engines.spec import GIB

    worker = f"{line.gpu or 'CPU'}, {spec.cpu_cores:g} cores, {spec.memory_bytes / GIB:g} GiB"
    dollars = [usd_words(usd, line.is_floor) for usd in (line.usd_warm, line.usd_cold, line.usd_idle)]
    calls = "-" if line.break_even_calls_per_hour is None else f"{line.break_even_calls_per_hour:.1f}/h"
    times = (f"{line.run_seconds:.1f}", line.basis, f"{line.cold_start_seconds:.1f}")
    return (line.provider or "this machine", worker, *times, *dollars, calls, line.price_date or "-")


def usd_words(usd: float | None, is_floor: bool) -> str:
    """0.0221; of what is very small, more digits; "-" where nothing is charged."""
    if usd is None:
        return "-"
    return ("from " if is_floor else "") + (f"{usd:.6f}" if usd < SMALL_USD else f"{usd:.4f}")


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
