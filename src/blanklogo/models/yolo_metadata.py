"""What an exporter wrote about a YOLO network into its file.

Ultralytics writes `task`, `stride`, `names`, `imgsz`, `batch`, and since 2025 `args` (with `nms` and `dynamic`) and
`end2end`; YOLOv5 writes `stride` and `names`; v6, v7 and most others write nothing. Values are text in Python's own
notation.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blanklogo.errors import ModelError
from blanklogo.models.ports import Session

_DEFAULT_SIDE_PX = 640  # what every version is trained at unless said otherwise
_DEFAULT_STRIDE_PX = 32


@dataclass(frozen=True)
class YoloMetadata:
    """What the file says, or what is usual where it says nothing.

    Attributes:
        names: of the classes, by index; empty: not said.
        stride_px: both sides of the input are multiples of it.
        input_px: (width, height) that the network was exported for.
        is_final: the output holds final boxes, none of which needs to be suppressed.
        is_dynamic: sides and batch are free, whatever the shape says.
    """

    names: tuple[str, ...] = ()
    stride_px: int = _DEFAULT_STRIDE_PX
    input_px: tuple[int, int] = (_DEFAULT_SIDE_PX, _DEFAULT_SIDE_PX)
    is_final: bool = False
    is_dynamic: bool = False

    @property
    def num_classes(self) -> int | None:
        return len(self.names) or None

    @property
    def side_px(self) -> int:
        """The longer side of the input."""
        return max(self.input_px)


def metadata_of(session: Session) -> YoloMetadata:
    """The metadata of a session's file.

    Raises:
        ModelError: another task than to detect, or metadata that cannot be read.
    """
    given = session.metadata
    task = given.get("task", "detect")
    if task != "detect":
        raise ModelError(f"{session.name} is a network for the task {task}", accepted="one for the task detect")
    try:
        args = _value(given, "args", {})
        return YoloMetadata(
            names=_names(_value(given, "names", ())),
            stride_px=int(_value(given, "stride", _DEFAULT_STRIDE_PX)),
            input_px=_input_px(_value(given, "imgsz", _DEFAULT_SIDE_PX)),
            is_final=bool(_value(given, "end2end", False) or args.get("nms")),
            is_dynamic=bool(_value(given, "dynamic", False) or args.get("dynamic")),
        )
    except (ValueError, SyntaxError, TypeError, AttributeError) as error:
        raise ModelError(
            f"the metadata of {session.name} cannot be read: {error}", accepted="what Ultralytics' exporter writes"
        ) from error


def _value(given: Mapping[str, str], name: str, default: Any) -> Any:
    return ast.literal_eval(given[name]) if given.get(name) else default


def _names(given: Mapping[Any, str] | Sequence[str]) -> tuple[str, ...]:
    """By index, from a list or from a dictionary whose keys may have become text."""
    if isinstance(given, Mapping):
        return tuple(name for _, name in sorted((int(index), str(name)) for index, name in given.items()))
    return tuple(map(str, given))


def _input_px(given: int | Sequence[int]) -> tuple[int, int]:
    height, width = (given, given) if isinstance(given, int) else given
    return int(width), int(height)
