"""What a worker is given and how long it may live: the only home of these figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from blanklogo.errors import OptionError

MINUTES = 60  # seconds
GIB = 1 << 30  # bytes

# As Modal names them; the other providers' names are theirs to map.
GPUS = ("T4", "L4", "A10", "L40S", "A100-40GB", "A100-80GB", "H100", "H200", "B200")
_ALSO_CALLED = {"A10G": "A10", "A100": "A100-40GB"}
_PREFIX = "BLANKLOGO_"


@dataclass(frozen=True)
class EngineSpec:
    """A worker's means and limits. Feeds the local pool, Modal's decorators and Ray's actors alike.

    Attributes:
        gpu: GPUs that will do, the wanted one first, the others when it is not to be had or too small; empty: CPU only.
        cpu_cores: that a worker may count on.
        memory_bytes: a worker over it is stopped.
        timeout_seconds: for one call; over it the call is cancelled, and its worker killed if that does not help.
        grace_seconds: between asking a call to stop and killing its worker.
        startup_timeout_seconds: for loading.
        scaledown_window_seconds: an idle worker leaves after so long.
        min_workers: kept loaded even when idle; they cost money all the time.
        max_workers: at once; further calls wait.
        max_calls: a worker that has done so many makes room for a fresh one, as a heap that held many videos is
            scattered and does not shrink again. Modal, whose workers come and go by themselves, takes no such figure.
        max_queue_seconds: a call that waited so long for a worker fails, or goes to the next engine; None: no bound.
        retries: of a call whose worker crashed; a call's own errors are never tried again.
    """

    gpu: tuple[str, ...] = ()
    cpu_cores: float = 2.0
    memory_bytes: int = 16 * GIB
    timeout_seconds: float = 10 * MINUTES
    grace_seconds: float = 5.0
    startup_timeout_seconds: float = 5 * MINUTES
    scaledown_window_seconds: float = 60.0
    min_workers: int = 0
    max_workers: int = 10
    max_calls: int = 250
    max_queue_seconds: float | None = None
    retries: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "gpu", tuple(gpu_name(name) for name in _names(self.gpu)))
        for name in (
            "cpu_cores",
            "memory_bytes",
            "timeout_seconds",
            "startup_timeout_seconds",
            "max_workers",
            "max_calls",
        ):
            _check(name, getattr(self, name), getattr(self, name) > 0, "more than 0")
        for name in ("grace_seconds", "scaledown_window_seconds", "min_workers", "retries"):
            _check(name, getattr(self, name), getattr(self, name) >= 0, "0 or more")
        for name in ("min_workers", "max_workers", "max_calls", "retries"):
            _check(name, getattr(self, name), isinstance(getattr(self, name), int), "a whole number")
        _check("min_workers", self.min_workers, self.min_workers <= self.max_workers, "at most max_workers")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], **defaults: Any) -> EngineSpec:
        """The defaults, with what variables such as BLANKLOGO_GPU="L4,A10" or BLANKLOGO_TIMEOUT_SECONDS=900 say.

        Raises:
            OptionError: a value is no number, or does not fit.
        """
        spec = cls(**defaults)
        told = {}
        for field in fields(cls):
            text = environment.get(_PREFIX + field.name.upper(), "").strip()
            if text:
                told[field.name] = text if field.name == "gpu" else _number(field.name, text, getattr(spec, field.name))
        return replace(spec, **told)


def gpu_name(text: str) -> str:
    """The GPU's name as Modal spells it: "a10g" gives "A10".

    Raises:
        OptionError: there is no such GPU.
    """
    name = text.strip().upper()
    name = _ALSO_CALLED.get(name, name)
    if name not in GPUS:
        raise OptionError(f"GPU {text!r}", accepted=", ".join(GPUS))
    return name


def _names(given: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    parts = given.split(",") if isinstance(given, str) else tuple(given or ())
    return tuple(part for part in parts if part.strip() and part.strip().lower() not in ("cpu", "none"))


def _number(name: str, text: str, default: Any) -> float | int:
    try:
        return int(text) if isinstance(default, int) else float(text)
    except ValueError:
        raise OptionError(f"{_PREFIX}{name.upper()}={text}", accepted="a number") from None


def _check(name: str, value: Any, is_good: bool, accepted: str) -> None:
    if not is_good:
        raise OptionError(f"{name} {value}", accepted=accepted)
