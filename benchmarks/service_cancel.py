"""How long a cancel takes from its request until the engine has stopped and the job's row says so.

python -m benchmarks.service_cancel [--postgresql URL]

On SQLite by `blanklogo serve`; with --postgresql (an empty database, to be used up) also from one process to another.
With both, writes its part of benchmarks/SERVICE.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.service_page import write_part
from benchmarks.service_site import API, SERVE, WORKER, Client, Ground, end_cleanly, new_ground, site
from benchmarks.table import machine
from blanklogo.testbed.cases import Burning, Case, make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene

NUM_CANCELS = 10
LIMIT_SECONDS = 1.0
_REMOVING_PERCENT = 40
_LOOK_SECONDS = 0.01
_PATIENCE_SECONDS = 120.0
_PROTOCOL = f"""\
A clip of 640 x 360 px and 400 frames is being restored (`progress` of {_REMOVING_PERCENT} or more) when its job is
cancelled, {NUM_CANCELS} times. Timed from before the request until the job is `cancelled`, which is written once the
engine's call has ended; looked at every {_LOOK_SECONDS * 1000:.0f} ms over HTTP."""


def main(arguments: list[str] | None = None) -> int:
    """Measures, writes the page; 1 when the worst is over the limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service_cancel", description=__doc__)
    parser.add_argument("--postgresql", metavar="URL", help="an empty database; without it SQLite alone is tried")
    options = parser.parse_args(arguments)
    end_cleanly()
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene("walk", 640, 360, 400, seed=1)
        case = make_case(scene, draw_mark("bug"), Path(folder) / "case", Burning(crf=20))
        found = {"one process, SQLite": _measured(new_ground(Path(folder) / "1", None), (SERVE,), case)}
        if options.postgresql:
            ground = new_ground(Path(folder) / "2", options.postgresql)
            found["API and worker, PostgreSQL"] = _measured(ground, (API, WORKER), case)
    text = _page(found)
    print(text)
    if len(found) > 1:
        write_part("cancel", text)
    return int(max(map(max, found.values())) > LIMIT_SECONDS)


def _measured(ground: Ground, kinds: tuple[str, ...], case: Case) -> list[float]:
    with site(ground, kinds) as processes:
        seconds = list(_cancels(Client(ground), case))
        for process in processes:
            process.stop()
    return seconds


def _cancels(client: Client, case: Case) -> Iterator[float]:
    for _ in range(NUM_CANCELS):
        fields = {"rights_confirmed": "true", "boxes": str([case.places[0].box.as_list()]), "fresh": "true"}
        files = {"video": ("clip.mp4", case.marked.read_bytes())}
        job_id = client.ask("POST", "/api/v1/jobs/upload", data=fields, files=files)["job_id"]
        path = f"/api/v1/jobs/{job_id}"
        _until(client, path, lambda job: job["progress"] >= _REMOVING_PERCENT)
        started = time.monotonic()
        client.ask("DELETE", path)
        _until(client, path, lambda job: job["status"] == "cancelled")
        yield time.monotonic() - started


def _until(client: Client, path: str, is_it: Any) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while not is_it(job := client.ask("GET", path)):
        if time.monotonic() > end or job["status"] in ("completed", "failed"):
            raise RuntimeError(f"it is not so, and will not be: {job}")
        time.sleep(_LOOK_SECONDS)


def _page(found: dict[str, list[float]]) -> str:
    rows = [f"| {where} | {median(them):.2f} s | {max(them):.2f} s |" for where, them in found.items()]
    made = f"Made by `python -m benchmarks.service_cancel` on {date.today()}.\n{machine()}"
    return "\n".join(["## Cancel", "", made, "", _PROTOCOL, "", "| where | median | worst |", "|---|---|---|", *rows])


if __name__ == "__main__":
    sys.exit(main())
