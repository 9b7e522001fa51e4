"""What a worker costs: a dated table of prices, and the arithmetic on it. US dollars, without tax.

    usd = seconds / 3600 · (gpu + cpu_cores · core + memory_gib · gib)

Prices change; each row says when its figures were current. Where a provider rents the machine around a GPU with it,
cores and memory cost nothing more, and there is no price for a worker without one.
"""

from __future__ import annotations

from dataclasses import dataclass

from blanklogo.engines.base import CallStats
from blanklogo.engines.spec import GIB, EngineSpec, gpu_name
from blanklogo.errors import OptionError
from blanklogo.types import Cost

SECONDS_PER_HOUR = 3600
HOURS_PER_MONTH = 730  # 365 days of 24 hours, over 12


@dataclass(frozen=True)
class Price:
    """One row: what a provider asked for a worker of one kind, at one time.

    Attributes:
        provider: as the engines call it, in small letters.
        gpu: as in `spec.GPUS`; None: a worker without one.
        gpu_usd_per_hour: 0 for a worker without one.
        core_usd_per_hour: for each CPU core, beside the GPU.
        gib_usd_per_hour: for each GiB of memory, beside the GPU.
        date: when it was current, as far as it is known: "2024", "mid 2026".
        source: where the figures were read, in words.
        is_floor: the provider asked this or more; so does every sum made of it.
    """

    provider: str
    gpu: str | None
    gpu_usd_per_hour: float
    core_usd_per_hour: float
    gib_usd_per_hour: float
    date: str
    source: str
    is_floor: bool = False

    def usd_per_hour(self, spec: EngineSpec) -> float:
        """One worker of these means, alive for an hour, at work or not."""
        memory_gib = spec.memory_bytes / GIB
        return self.gpu_usd_per_hour + spec.cpu_cores * self.core_usd_per_hour + memory_gib * self.gib_usd_per_hour


_MODAL_GPUS = {
    "T4": 0.59,
    "L4": 0.80,
    "A10": 1.10,
    "L40S": 1.95,
    "A100-40GB": 2.10,
    "A100-80GB": 2.50,
    "H100": 3.95,
    "H200": 4.54,
    "B200": 6.25,
}
_MODAL_CORE, _MODAL_GIB = 0.0472, 0.0080
_MODAL_DATE, _MODAL_SOURCE = "mid 2026", "Modal's price page, base prices: any region, may be preempted"
_LIST_DATE, _LIST_SOURCE = (
    "2024",
    "BlankLogo's first guide, for an A10G; cores and memory not told apart, taken to be in it",
)

PRICES = (
    Price("modal", None, 0.0, _MODAL_CORE, _MODAL_GIB, _MODAL_DATE, _MODAL_SOURCE),
    *(
        Price("modal", gpu, usd, _MODAL_CORE, _MODAL_GIB, _MODAL_DATE, _MODAL_SOURCE)
        for gpu, usd in _MODAL_GPUS.items()
    ),
    Price("runpod", "A10", 0.44, 0.0, 0.0, _LIST_DATE, _LIST_SOURCE),
    Price("replicate", "A10", 2.50, 0.0, 0.0, _LIST_DATE, _LIST_SOURCE),
    Price("aws", "A10", 3.00, 0.0, 0.0, _LIST_DATE, _LIST_SOURCE, is_floor=True),
)
PROVIDERS = tuple(dict.fromkeys(price.provider for price in PRICES))


def find_price(provider: str, gpu: str | None = None) -> Price:
    """The row of a provider for a GPU ("A10G" and "A10" are one), or for a worker without one.

    Raises:
        OptionError: no such provider or GPU, or that provider's price for it is not in the table.
    """
    name = provider.strip().lower()
    if name not in PROVIDERS:
        hint = "this machine's own work (inline, pool) has no price"
        raise OptionError(f"provider {provider!r}", accepted=", ".join(PROVIDERS), hint=hint)
    wanted = gpu_name(gpu) if gpu else None
    rows = [price for price in PRICES if price.provider == name]
    for price in rows:
        if price.gpu == wanted:
            return price
    raise OptionError(f"no price of {name} for {_kind(wanted)}", accepted=", ".join(_kind(price.gpu) for price in rows))


def price_of(spec: EngineSpec, provider: str) -> Price:
    """The row for a worker of these means; of several GPUs that will do, the first, which is the wanted one.

    Raises:
        OptionError: as `find_price`.
    """
    return find_price(provider, next(iter(spec.gpu), None))


def run_usd(seconds: float, spec: EngineSpec, provider: str) -> float:
    """A worker of these means for so many seconds.

    Raises:
        OptionError: as `find_price`; the seconds are less than 0 or no number.
    """
    if not seconds >= 0:
        raise OptionError(f"{seconds} seconds", accepted="0 or more")
    return seconds / SECONDS_PER_HOUR * price_of(spec, provider).usd_per_hour(spec)


def idle_usd(spec: EngineSpec, provider: str) -> float:
    """One scaledown window: what it costs that a worker waits for another call which does not come.

    Raises:
        OptionError: as `find_price`.
    """
    return run_usd(spec.scaledown_window_seconds, spec, provider)


def warm_month_usd(spec: EngineSpec, provider: str) -> float:
    """`min_workers` kept loaded for a month of 730 hours, whether they work or not.

    Raises:
        OptionError: as `find_price`.
    """
    return spec.min_workers * run_usd(HOURS_PER_MONTH * SECONDS_PER_HOUR, spec, provider)


def break_even_calls_per_hour(spec: EngineSpec, run_seconds: float, cold_start_seconds: float) -> float:
    """From how many calls an hour on a worker kept warm costs no more than one that leaves when idle.

    A call that comes alone costs its start, its run and one scaledown window; a warm worker costs the whole hour.
    Fewer calls than this, and keeping it warm buys the absence of cold starts with money. The price of an hour is the
    same on both sides, so that no provider is asked for. 0 seconds a call: infinity.

    Raises:
        OptionError: seconds less than 0 or no number.
    """
    alone_seconds = cold_start_seconds + run_seconds + spec.scaledown_window_seconds
    if not min(run_seconds, cold_start_seconds) >= 0 or alone_seconds != alone_seconds:
        raise OptionError(f"a run of {run_seconds} s after a start of {cold_start_seconds} s", accepted="0 or more")
    return SECONDS_PER_HOUR / alone_seconds if alone_seconds else float("inf")


def call_cost(stats: CallStats, spec: EngineSpec, provider: str) -> Cost | None:
    """What one call cost: its run, and its worker's start where it had to wait for one.

    The scaledown window after it is not in it: the next call may use that worker. A start whose length is not known
    counts nothing, and `is_cold` then says what is known of it. None while the run's own length is not known: a figure
    that is missing must not fail work that is done.

    Raises:
        OptionError: as `find_price`.
    """
    price = price_of(spec, provider)
    if stats.run_seconds is None:
        return None
    start_seconds = (stats.cold_start_seconds or 0.0) if stats.is_cold else 0.0
    seconds = stats.run_seconds + start_seconds
    return Cost(price.provider, run_usd(seconds, spec, provider), seconds, stats.is_cold, price.date)


def _kind(gpu: str | None) -> str:
    return gpu or "CPU only"
