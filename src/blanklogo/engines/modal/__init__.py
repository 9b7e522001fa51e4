"""Removals on Modal: a deployed class whose workers come and go with the work.

::

    engine.ModalEngine   what callers see: submits to the deployed class, or to a variant of it with other means
    call.ModalCall       one call, followed to its end
    events               its events, read from the queue that its container writes to
    worker.ModalWorker   the same call seen from inside the container; what deploy/modal_app.py wraps
    web.ModalCalls       the deployment's own web side, which asks for calls too
    means                an `EngineSpec` in Modal's words
    border               what Modal raises, as errors of the tree

`ModalEngine` is loaded when it is first asked for: a deployment reads `means` alone, and that loads no NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blanklogo.engines.modal.engine import ModalEngine

__all__ = ["ModalEngine"]


def __getattr__(name: str) -> Any:
    if name == "ModalEngine":
        from blanklogo.engines.modal.engine import ModalEngine

        return ModalEngine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
