"""A removal's options as a caller gives them, and as the API takes them."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from blanklogo.errors import OptionError
from blanklogo.types.geometry import Box
from blanklogo.types.job import Mode, Platform


class Options(TypedDict, total=False):
    """How the mark is to be removed; each may be left out.

    Attributes:
        mode: "auto", "inpaint" or "crop".
        platform: where the video came from; weighs where marks are likely.
        boxes: places given by hand, in px, half-open: a `Box`, or x0, y0, x1, y1.
        start_seconds, end_seconds: only this part is touched.
        codec: "h264" or "hevc"; by default the source's.
        quality: constant rate factor, 0 to 51; by default visually lossless.
        detector, inpainter: "auto", "none", or a name of weights that the service has.
        fresh: made anew, though the service has the result of the same video with the same options.
        webhook_url: who is told what happens to the job, by a service that has webhooks.
        webhook_events: which events are told; by default the service's own choice.
        metadata: the caller's own notes, which come back as they are.
    """

    mode: str
    platform: str | None
    boxes: Sequence[Box | Sequence[int]]
    start_seconds: float | None
    end_seconds: float | None
    codec: str | None
    quality: float | None
    detector: str | None
    inpainter: str | None
    fresh: bool
    webhook_url: str | None
    webhook_events: Sequence[str] | None
    metadata: Mapping[str, Any] | None


def body_of(options: Options, *, rights_confirmed: bool) -> dict[str, Any]:
    """The body of a creating request, without its video. What no service could take is refused before anything is sent.

    Raises:
        OptionError: an option is unknown or does not fit, or the rights were not confirmed.
    """
    if rights_confirmed is not True:
        raise OptionError(
            "rights_confirmed is not True",
            accepted="rights_confirmed=True, which says that you own the video or hold the rights to change it",
        )
    if unknown := sorted(options.keys() - Options.__annotations__.keys()):
        raise OptionError(f"option {', '.join(unknown)}", accepted=", ".join(Options.__annotations__))
    body = {name: value for name, value in options.items() if value is not None}
    if "mode" in body:
        body["processing_mode"] = str(Mode(body.pop("mode")))
    if "platform" in body:
        body["platform"] = str(Platform(body["platform"]))
    if "boxes" in body:
        body["boxes"] = [_box(box).as_list() for box in options.get("boxes", ())]
    try:
        json.dumps(body, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise OptionError(f"options that JSON cannot say: {error}", accepted="texts, numbers, lists") from None
    return {**body, "rights_confirmed": True}


def new_key() -> str:
    """A name for a creating request that nobody else has."""
    return uuid.uuid4().hex


def key_of(subject: str, body: Mapping[str, Any]) -> str:
    """The name of the request for this subject with this body: whoever sends it again has the same."""
    return f"{subject}-{hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32]}"


def _box(box: Box | Sequence[int]) -> Box:
    if isinstance(box, Box):
        return box
    if len(box) != 4 or not all(isinstance(edge, int) for edge in box):
        raise OptionError(f"box {box!r}", accepted="x0, y0, x1, y1, whole px from the top-left")
    return Box(*box)
