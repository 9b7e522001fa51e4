"""One piece of work in a process of its own, so that its CPU time and memory are its own.

    python -m benchmarks.worker '{"work": "remove", "source": …, "target": …}'

Prints one JSON object: what the work returned, and the process's peak memory. Works: `remove` (BlankLogo's public
API; takes `marks`, `boxes` and `detector`), `detect` (the search alone; takes `detector`), `transcode` (the same
encoder settings, frames untouched), `telea`, `ns` and `harmonic` (take `case`). With `cores` it keeps to so many of
them (Linux).
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from blanklogo.errors import BlankLogoError

_LOSSLESS = (("qp", "0"), ("preset", "ultrafast"))


def main(argument: str) -> int:
    request = json.loads(argument)
    if cores := request.get("cores"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])  # before libraries count them
    try:
        answer = _WORKS[request["work"]](request)
    except BlankLogoError as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer | {"peak_rss_bytes": peak_rss_bytes()}))
    return 1 if "error" in answer else 0


def peak_rss_bytes() -> int:
    """The most memory this process has held, in bytes.

    Linux's `ru_maxrss` survives `exec` and would tell the parent's peak; `VmHWM` is this program's own.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _remove(request: dict[str, Any]) -> dict[str, Any]:
    from blanklogo import Box, Networks, remove
    from blanklogo.remover import Remover

    Remover().load()
    before = time.process_time()
    report = remove(
        Path(request["source"]),
        Path(request["target"]),
        marks=tuple(Path(path) for path in request.get("marks", ())),
        boxes=tuple(Box(*box) for box in request.get("boxes", ())),
        networks=Networks(detector=request.get("detector", "auto")),
        overwrite=True,
    )
    return {"report": report.as_dict(), "cpu_seconds": time.process_time() - before}


def _detect(request: dict[str, Any]) -> dict[str, Any]:
    from blanklogo import Networks, detect
    from blanklogo.remover import Remover

    Remover().load()
    before = time.process_time()
    found = detect(Path(request["source"]), networks=Networks(detector=request["detector"]))
    return {"report": {"tracks": [track.method for track in found.tracks]}, "cpu_seconds": time.process_time() - before}


def _transcode(request: dict[str, Any]) -> dict[str, Any]:
    from blanklogo.media.encoding import choose_encoder
    from blanklogo.media.probe import probe
    from blanklogo.media.transcode import transcode

    source = Path(request["source"])
    transcode(source, Path(request["target"]), choose_encoder(probe(source)), lambda frames: frames)
    return {}


def _inpaint(request: dict[str, Any]) -> dict[str, Any]:
    import cv2

    from benchmarks.peers import inpainting
    from blanklogo.media.encoding import choose_encoder
    from blanklogo.media.probe import probe
    from blanklogo.media.transcode import transcode
    from blanklogo.testbed.cases import load_case

    cv2.setNumThreads(1)
    case = load_case(Path(request["case"]))
    settings = replace(choose_encoder(probe(case.marked)), options=_LOSSLESS)
    transcode(case.marked, Path(request["target"]), settings, inpainting(case, request["work"]))
    return {}


_WORKS = {
    "remove": _remove,
    "detect": _detect,
    "transcode": _transcode,
    "telea": _inpaint,
    "ns": _inpaint,
    "harmonic": _inpaint,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
