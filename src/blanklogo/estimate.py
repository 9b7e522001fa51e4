"""What a removal will take, before it is done: seconds from the throughput table, dollars from the price table.

    info = probe("clip.mp4")
    for line in estimate(info, EngineSpec()).lines:
        print(line.provider, line.run_seconds, line.usd_cold)

Nothing is decoded but the first frame, which `probe` does. What a mark is like changes the time less than the number
of pixels does, and is not known before the search; the fit's worst error on real clips stands in the table.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from blanklogo.engines.prices import (
    PRICES,
    PROVIDERS,
    Price,
    break_even_calls_per_hour,
    idle_usd,
    price_of,
    run_usd,
)
from blanklogo.engines.spec import GIB, MINUTES, EngineSpec
from blanklogo.engines.throughput import Basis, Throughput, shipped
from blanklogo.errors import SourceError
from blanklogo.media.info import MediaInfo

_BUDGET_MARGIN = 2  # an estimate from another machine's cores may be out by so much


@dataclass(frozen=True)
class EstimateLine:
    """One clip on one kind of worker.

    Attributes:
        provider: None: this machine, which charges nothing; the figures in dollars are then None too.
        gpu: that the worker has, whether or not it is of use.
        basis: how the seconds are known; see `engines.throughput.Basis`.
        run_seconds: the removal on a loaded worker.
        cold_start_seconds: loading a worker. A provider's own time to start a container is not in it.
        usd_warm: the run.
        usd_cold: the run and the start.
        usd_idle: one scaledown window after the last call.
        break_even_calls_per_hour: from how many on a worker kept warm costs no more.
        price_date: when the price was current.
        is_floor: the provider asks this or more.
    """

    provider: str | None
    gpu: str | None
    basis: Basis
    run_seconds: float
    cold_start_seconds: float
    usd_warm: float | None = None
    usd_cold: float | None = None
    usd_idle: float | None = None
    break_even_calls_per_hour: float | None = None
    price_date: str | None = None
    is_floor: bool = False

    def as_dict(self) -> dict[str, Any]:
        """A JSON-like copy, figures rounded to what they are worth."""
        return {name: _rounded(name, value) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Estimate:
    """One clip on every kind of worker that there is a price for.

    Attributes:
        name: of the file.
        num_frames: by the header, or by its rate and duration.
        spec: the worker's means.
        measured: the table that the seconds come from.
        lines: this machine first.
        advice: sentences for people.
    """

    name: str
    width_px: int
    height_px: int
    num_frames: int
    spec: EngineSpec
    measured: Throughput
    lines: tuple[EstimateLine, ...]
    advice: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """A JSON-like copy, as documented in docs/report.md."""
        return {
            "name": self.name,
            "width": self.width_px,
            "height": self.height_px,
            "num_frames": self.num_frames,
            "cpu_cores": self.spec.cpu_cores,
            "memory_gib": self.spec.memory_bytes / GIB,
            "scaledown_window_seconds": self.spec.scaledown_window_seconds,
            "measured_on": self.measured.machine,
            "measured_date": self.measured.date,
            "measured_worst_error": self.measured.worst_error,
            "lines": [line.as_dict() for line in self.lines],
            "advice": list(self.advice),
        }


def estimate(
    info: MediaInfo, spec: EngineSpec, provider: str | None = None, measured: Throughput | None = None
) -> Estimate:
    """What one removal of this clip will take.

    Args:
        info: as `probe` tells it.
        spec: the worker's means. With a GPU, workers with and without it are told side by side.
        provider: only this one; None: this machine, and everyone who has a price for such a worker.
        measured: a throughput table; None: the one that came with the package.

    Raises:
        OptionError: there is no such provider, or no price of it for such a worker.
        SourceError: the file does not tell how long it is.
    """
    video = info.video
    return estimate_frames(
        Path(info.path).name, video.width, video.height, frames_of(info), spec, provider=provider, measured=measured
    )


def estimate_frames(
    name: str,
    width_px: int,
    height_px: int,
    num_frames: int,
    spec: EngineSpec,
    *,
    provider: str | None = None,
    measured: Throughput | None = None,
) -> Estimate:
    """`estimate` of a clip that is known by its figures alone. Raises OptionError as it does."""
    measured = measured or shipped()
    seconds = measured.run_seconds(num_frames * width_px * height_px, spec.cpu_cores)
    here = EstimateLine(None, None, measured.basis(spec.cpu_cores), seconds, measured.load_seconds)
    priced = tuple(_line(price, spec, seconds, measured.load_seconds) for price in _prices(spec, provider))
    return Estimate(
        name=name,
        width_px=width_px,
        height_px=height_px,
        num_frames=num_frames,
        spec=spec,
        measured=measured,
        lines=priced if provider else (here, *priced),
        advice=tuple(_advice(spec, seconds, priced)),
    )


def frames_of(info: MediaInfo) -> int:
    """By the header, or else by rate and duration.

    Raises:
        SourceError: the file tells neither.
    """
    video = info.video
    if video.num_frames_from_header:
        return video.num_frames_from_header
    if info.duration_seconds and video.average_rate:
        return max(1, round(info.duration_seconds * video.average_rate))
    raise SourceError(
        f"{info.path} does not tell how long it is",
        accepted="a file with a duration or a number of frames",
        hint="put its streams into another file: ffmpeg -i IN -c copy OUT.mkv",
    )


def _prices(spec: EngineSpec, provider: str | None) -> list[Price]:
    """Rows for such a worker, and where it has a GPU, for the same worker without one."""
    providers = (price_of(spec, provider).provider,) if provider else PROVIDERS
    wanted = {None, *spec.gpu[:1]}
    return [price for price in PRICES if price.provider in providers and price.gpu in wanted]


def _line(price: Price, spec: EngineSpec, run_seconds: float, start_seconds: float) -> EstimateLine:
    worker = replace(spec, gpu=(price.gpu,) if price.gpu else ())
    return EstimateLine(
        provider=price.provider,
        gpu=price.gpu,
        basis="assumed",  # whoever's cores they are, nobody has measured them
        run_seconds=run_seconds,
        cold_start_seconds=start_seconds,
        usd_warm=run_usd(run_seconds, worker, price.provider),
        usd_cold=run_usd(start_seconds + run_seconds, worker, price.provider),
        usd_idle=idle_usd(worker, price.provider),
        break_even_calls_per_hour=break_even_calls_per_hour(worker, run_seconds, start_seconds),
        price_date=price.date,
        is_floor=price.is_floor,
    )


def _advice(spec: EngineSpec, seconds: float, priced: tuple[EstimateLine, ...]) -> list[str]:
    said = []
    if spec.gpu:
        said.append(f"a removal uses the CPU only, so a GPU makes it no faster: {_better(priced)}")
    if seconds > spec.timeout_seconds:
        budget = math.ceil(_BUDGET_MARGIN * seconds / MINUTES) * MINUTES
        said.append(
            f"{seconds:.0f} s is over a call's budget of {spec.timeout_seconds:.0f} s: "
            f"BLANKLOGO_TIMEOUT_SECONDS={budget} leaves room"
        )
    return said


def _better(priced: tuple[EstimateLine, ...]) -> str:
    bare = [line for line in priced if line.gpu is None and line.usd_warm is not None]
    if not bare:
        return "take a worker without one, from a provider that rents it out"
    return f"take a worker without one, at {bare[0].provider}"


def _rounded(name: str, value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return round(value, 6 if name.startswith("usd_") else 1)
