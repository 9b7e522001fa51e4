"""An engine by its name. What an engine needs is imported only when it is asked for."""

from __future__ import annotations

from contextlib import ExitStack
from importlib import import_module

from blanklogo.engines.base import REMOVER, Engine
from blanklogo.engines.fallback import FallbackEngine
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import OptionError, UnavailableError

_HOMES = {
    "inline": ("blanklogo.engines.inline", "InlineEngine"),
    "pool": ("blanklogo.engines.pool.engine", "PoolEngine"),
    "modal": ("blanklogo.engines.modal", "ModalEngine"),
    "ray": ("blanklogo.engines.ray", "RayEngine"),
}
ENGINES = tuple(_HOMES)


def open_engine(
    name: str, spec: EngineSpec | None = None, workload: str = REMOVER, *, address: str | None = None
) -> Engine:
    """Makes an engine; whoever asks for it closes it.

    Args:
        name: one of `ENGINES`, or several with commas between: what the first cannot serve goes to the next, told by a
            notice (`engines.fallback`).
        spec: limits; None: the defaults.
        address: of a Ray cluster ("HOST:6379", "auto"); None: a Ray of its own on this machine.

    Raises:
        OptionError: there is no such engine, it cannot hold the spec, or an address is given and no Ray asked for.
        UnavailableError: its extra is not installed, or it cannot be reached.
    """
    names = [part.strip() for part in name.split(",")]
    if unknown := [part for part in names if part not in _HOMES]:
        raise OptionError(f"engine {unknown[0]!r}", accepted=", ".join(ENGINES))
    if address is not None and "ray" not in names:
        raise OptionError(f"address {address} for the engine {name}", accepted="an address with the engine ray")
    with ExitStack() as made:
        engines = [made.enter_context(_opened(part, spec or EngineSpec(), workload, address)) for part in names]
        engine = FallbackEngine(engines) if len(engines) > 1 else engines[0]
        made.pop_all()
    return engine


def _opened(name: str, spec: EngineSpec, workload: str, address: str | None) -> Engine:
    module, kind = _HOMES[name]
    options = {"address": address} if name == "ray" else {}
    try:
        return getattr(import_module(module), kind)(spec, workload, **options)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != name:
            raise
        raise UnavailableError(f"the {name} engine is not installed", hint=f"pip install 'blanklogo[{name}]'") from None
