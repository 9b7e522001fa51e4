"""An engine by its name. What an engine needs is imported only when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from blanklogo.engines.base import REMOVER, Engine
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import OptionError, UnavailableError

_HOMES = {
    "inline": ("blanklogo.engines.inline", "InlineEngine"),
    "pool": ("blanklogo.engines.pool.engine", "PoolEngine"),
    "modal": ("blanklogo.engines.modal", "ModalEngine"),
    "ray": ("blanklogo.engines.ray", "RayEngine"),
}
ENGINES = tuple(_HOMES)


def open_engine(name: str, spec: EngineSpec | None = None, workload: str = REMOVER, **options: Any) -> Engine:
    """Makes an engine; whoever asks for it closes it.

    Args:
        name: one of `ENGINES`.
        spec: limits; None: the defaults.
        options: the engine's own, such as Ray's `address`.

    Raises:
        OptionError: there is no such engine, or it cannot hold the spec.
        UnavailableError: its extra is not installed, or it cannot be reached.
    """
    if name not in _HOMES:
        raise OptionError(f"engine {name!r}", accepted=", ".join(ENGINES))
    module, kind = _HOMES[name]
    try:
        return getattr(import_module(module), kind)(spec or EngineSpec(), workload, **options)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != name:
            raise
        raise UnavailableError(f"the {name} engine is not installed", hint=f"pip install 'blanklogo[{name}]'") from None
