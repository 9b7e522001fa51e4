"""Media from where it lives to this machine, and results back: paths, file:, http(s):, s3:, gs:, az:, and bytes.

`places` is what others call; `web` speaks HTTP, `objects` speaks to object stores. Both stream in pieces, so that
memory does not grow with the media, and ask between pieces whether to stop. `guard` says which URLs may be asked for.

Each name is loaded when it is first asked for, so that whoever only wants the guard's settings does not load FFmpeg.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blanklogo.transfer.places import check_deliverable, deliver, fetch, local_path, scratch_name

__all__ = ["check_deliverable", "deliver", "fetch", "local_path", "scratch_name"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'blanklogo.transfer' has no attribute {name!r}")
    return getattr(import_module("blanklogo.transfer.places"), name)
