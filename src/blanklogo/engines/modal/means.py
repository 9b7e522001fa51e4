"""An `EngineSpec` in Modal's words: the figures of a deployed class, and those that one caller changes."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import OptionError
from blanklogo.transfer.guard.policy import VARIABLE as ALLOWED_HOSTS_VARIABLE

PINNED_VERSION = "1.6.4"  # of the package modal, as the extra has it
APP_NAME = "blanklogo-watermark-removal"
CLASS_NAME = "WatermarkRemover"
WEB_NAME = "web"
SPEC_TAG = "blanklogo-means"  # of the deployed app
SCALEDOWN_SECONDS = (2, 3600)  # as Modal has it
TIMEOUT_SECONDS = (1, 24 * 3600)
_MIB = 1 << 20


def class_options(spec: EngineSpec) -> dict[str, Any]:
    """What `app.cls(...)` takes.

    Raises:
        OptionError: a figure that Modal does not take.
    """
    return {
        "gpu": _gpu(spec),
        "startup_timeout": _seconds("startup_timeout_seconds", spec.startup_timeout_seconds, TIMEOUT_SECONDS),
        "min_containers": spec.min_workers,
        **_common(spec),
    }


def carried(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that say a spec and who may be reached, for a container to read the same ones."""
    names = (*(f"BLANKLOGO_{field.name.upper()}" for field in fields(EngineSpec)), ALLOWED_HOSTS_VARIABLE)
    return {name: environment[name] for name in names if environment.get(name)}


def spec_digest(spec: EngineSpec) -> str:
    """A fingerprint of all that Modal is told of a spec; the deployed app carries it as a tag."""
    told = json.dumps(class_options(spec), sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def deployed_spec(info: Any) -> EngineSpec:
    """What Modal tells of a deployed class (`modal.types.FunctionInfo`); of the rest it tells nothing."""
    high = [figure[-1] if isinstance(figure, tuple) else figure for figure in (info.cpu, info.memory_mib)]
    cpu_cores, memory_mib = high
    usual = EngineSpec()
    return EngineSpec(
        gpu=tuple(name for name, _ in info.gpus),
        cpu_cores=cpu_cores or usual.cpu_cores,
        memory_bytes=memory_mib * _MIB if memory_mib else usual.memory_bytes,
        timeout_seconds=info.timeout,
        startup_timeout_seconds=info.startup_timeout or info.timeout,
        retries=info.max_retries or 0,
    )


def variant_options(spec: EngineSpec) -> dict[str, Any]:
    """What `Cls.with_options(...)` takes: all that one caller can change of a deployed class.

    Raises:
        OptionError: a figure that Modal does not take, or several GPUs.
    """
    if len(spec.gpu) > 1:
        raise OptionError(
            f"several GPUs for a deployed class ({', '.join(spec.gpu)})",
            accepted="one GPU, or a deployment made with these",
            hint="BLANKLOGO_GPU=… blanklogo modal deploy",
        )
    return {"gpu": spec.gpu[0] if spec.gpu else None, **_common(spec)}


def _common(spec: EngineSpec) -> dict[str, Any]:
    if spec.max_calls != EngineSpec.max_calls:
        came = f"max_calls {spec.max_calls} on Modal, whose workers come and go by themselves"
        raise OptionError(came, accepted=f"max_calls {EngineSpec.max_calls}, or none")
    memory_mib = math.ceil(spec.memory_bytes / _MIB)
    return {
        "cpu": spec.cpu_cores,
        "memory": (memory_mib, memory_mib),  # the second is the limit; a single figure would be a request only
        "timeout": _seconds("timeout_seconds", spec.timeout_seconds, TIMEOUT_SECONDS),
        "scaledown_window": _seconds("scaledown_window_seconds", spec.scaledown_window_seconds, SCALEDOWN_SECONDS),
        "max_containers": spec.max_workers,
        "retries": spec.retries,
    }


def _gpu(spec: EngineSpec) -> str | list[str] | None:
    if len(spec.gpu) > 1:
        return list(spec.gpu)
    return spec.gpu[0] if spec.gpu else None


def _seconds(name: str, seconds: float, bounds: tuple[int, int]) -> int:
    """Whole seconds, rounded up.

    Raises:
        OptionError: outside the bounds.
    """
    low, high = bounds
    if not low <= math.ceil(seconds) <= high:
        raise OptionError(f"{name} {seconds:g}", accepted=f"{low} to {high} on Modal")
    return math.ceil(seconds)
