"""BlankLogo takes a burned-in mark out of a video and leaves everything else exactly as it was.

    >>> import blanklogo
    >>> report = blanklogo.remove("clip.mp4")  # doctest: +SKIP
    >>> report.verify.status                   # doctest: +SKIP
    'clean'

The names below are the public list. Each is loaded when it is first asked for, so that importing the
package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blanklogo.api import detect, estimate_matte, preview, remove
    from blanklogo.engines.open import open_engine
    from blanklogo.engines.spec import EngineSpec
    from blanklogo.errors import BlankLogoError, CallerError, CancelledError, EngineError, ProcessingError
    from blanklogo.media.probe import probe
    from blanklogo.types import (
        Box,
        Detection,
        Job,
        Mark,
        Matte,
        Mode,
        Networks,
        Notice,
        Platform,
        Progress,
        Report,
        TimeRange,
        Track,
    )

__version__ = "0.1.0"

__all__ = [
    "BlankLogoError",
    "Box",
    "CallerError",
    "CancelledError",
    "Detection",
    "EngineError",
    "EngineSpec",
    "Job",
    "Mark",
    "Matte",
    "Mode",
    "Networks",
    "Notice",
    "Platform",
    "ProcessingError",
    "Progress",
    "Report",
    "TimeRange",
    "Track",
    "detect",
    "estimate_matte",
    "open_engine",
    "preview",
    "probe",
    "remove",
]

_HOMES = {
    "blanklogo.api": ("detect", "estimate_matte", "preview", "remove"),
    "blanklogo.engines.open": ("open_engine",),
    "blanklogo.engines.spec": ("EngineSpec",),
    "blanklogo.errors": ("BlankLogoError", "CallerError", "CancelledError", "EngineError", "ProcessingError"),
    "blanklogo.media.probe": ("probe",),
    "blanklogo.types.geometry": ("Box", "TimeRange"),
    "blanklogo.types.job": ("Job", "Mode", "Networks", "Notice", "Platform", "Progress"),
    "blanklogo.types.mark": ("Mark", "Matte"),
    "blanklogo.types.report": ("Report",),
    "blanklogo.types.track": ("Detection", "Track"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'blanklogo' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
