"""How fast a removal is: figures measured on one machine, shipped with it named, and what they say of other cores.

    seconds(pixels, one row) = fixed_seconds + pixels / pixels_per_second
    seconds on n cores       = serial + parallel / n                     (Amdahl, from the rows for 1 core and for most)

`python -m benchmarks.calibrate` writes the table. Pixels are those of all frames together, whatever the mark's size.
"""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from blanklogo.errors import OptionError

Basis = Literal["measured", "scaled", "assumed"]
"""measured: on this machine, with as many cores. scaled: on this machine, with others. assumed: cores elsewhere, taken
to be as fast as those that were measured."""


@dataclass(frozen=True)
class Rate:
    """One row, fitted to removals of several sizes and lengths on so many cores.

    Attributes:
        cores: that the removal could use.
        fixed_seconds: of a removal, however short.
        pixels_per_second: beyond that.
        worst_error: the fit against the clip it fits worst, as a share of that clip's time.
    """

    cores: int
    fixed_seconds: float
    pixels_per_second: float
    worst_error: float

    def seconds(self, num_pixels: int) -> float:
        return self.fixed_seconds + num_pixels / self.pixels_per_second


@dataclass(frozen=True)
class Throughput:
    """The whole table.

    Attributes:
        machine: where it was measured, as `machine_words` tells it.
        date: when, as 2026-11-24.
        load_seconds: from a new process to a loaded `Remover`.
        rates: by number of cores, 1 first.
    """

    machine: str
    date: str
    load_seconds: float
    rates: tuple[Rate, ...]

    def __post_init__(self) -> None:
        cores = [rate.cores for rate in self.rates]
        if not cores or cores[0] != 1 or cores != sorted(set(cores)):
            raise OptionError(f"throughput for {cores} cores", accepted="1 core, then more")

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> Throughput:
        rates = tuple(Rate(**{name: row[name] for name in Rate.__dataclass_fields__}) for row in given["rates"])
        return cls(given["machine"], given["date"], given["load_seconds"], rates)

    @property
    def worst_error(self) -> float:
        """Of all rows, as a share."""
        return max(rate.worst_error for rate in self.rates)

    def run_seconds(self, num_pixels: int, cores: float) -> float:
        """A removal of so many pixels on so many cores; a share of a core takes its share of the time."""
        for rate in self.rates:
            if rate.cores == cores:
                return rate.seconds(num_pixels)
        one, most = self.rates[0].seconds(num_pixels), self.rates[-1].seconds(num_pixels)
        if cores < 1 or len(self.rates) == 1:
            return one / min(cores, 1.0)
        parallel = max(one - most, 0.0) / (1 - 1 / self.rates[-1].cores)
        return max(one - parallel, 0.0) + parallel / cores

    def basis(self, cores: float) -> Basis:
        """How `run_seconds` knows it, on the machine that this is."""
        if machine_words() != self.machine:
            return "assumed"
        return "measured" if any(rate.cores == cores for rate in self.rates) else "scaled"


@cache
def shipped() -> Throughput:
    """The table that came with the package."""
    return Throughput.from_dict(
        json.loads(resources.files("blanklogo.engines").joinpath("throughput.json").read_text())
    )


def machine_words() -> str:
    """This machine's processor and how many cores it has: "AMD EPYC, 2 cores, x86_64"."""
    return f"{_processor()}, {os.cpu_count()} cores, {platform.machine()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or "unknown processor"
