"""Kills the service's processes with -9 while it works, and looks whether each job was done once all the same.

python -m benchmarks.service_kills [--postgresql URL] [--jobs 100] [--kills 20] [--seed 1]

On SQLite `blanklogo serve` and its pool's workers are killed; with --postgresql (an empty database, to be used up)
also two `blanklogo worker`, one `blanklogo serve --no-jobs` and their pools' workers. With both, writes its part of
benchmarks/SERVICE.md.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.service_audit import Auditor, Findings
from benchmarks.service_page import write_part
from benchmarks.service_site import (
    API,
    SERVE,
    WORKER,
    Client,
    Ground,
    Process,
    end_cleanly,
    left_alive,
    new_ground,
    site,
    slow_server,
    some_worker,
)
from benchmarks.table import machine
from blanklogo.testbed.cases import Burning, make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene

NUM_CLIPS = 4
CLIP_FRAMES = 40
POOL_WORKER = "pool worker"
_KINDS = {"SQLite": (SERVE,), "PostgreSQL": (API, WORKER, WORKER)}
_LAST_SHARE = 0.97  # of the jobs: the last kill comes while some are still under way
_PATIENCE_SECONDS = 3600.0

_HEADING = (
    "| database | killed with -9 | jobs | more than one attempt | requests broken | uploads broken "
    "| runs taken up after | all over after | faults |"
)
_PROTOCOL = f"""\
Jobs of one owner with clips of 160 x 120 px and {CLIP_FRAMES} frames, a third of them to be fetched from a slow
server, are submitted with an `Idempotency-Key` while processes are killed: at random counts of jobs that are over, a
random time of up to 1.5 s later, a random process; in two of five cases a pool's worker, if there is one. A process
of the service that was killed is started again at once. SQLite: one `blanklogo serve`. PostgreSQL: two `blanklogo
worker`, and one `blanklogo serve --no-jobs`, which is killed too. Settings are the default ones. Then looked at, in
the database and on the disk: each submission is one job, made once by the audit; each job completed in its first run,
with one result whose bytes have the digest that is written down and are the same for the same clip; nothing else is
in the storage (half-written files included), in the folder for temporary files, or in the folder for fetched ones;
every run is over; no process is left; no log has a traceback. *Uploads broken* came to nothing because a kill broke
their connection; they are removed after a day, which is tried by putting the clock on. *Runs taken up after*: from an
orchestrator's kill until its last run was another's; on SQLite that is the restart, on PostgreSQL a lease (15 s) and
the round after it (3 s)."""

Tell = Callable[[str], None]


@dataclass
class Trial:
    """What was done to a service, and what came of it.

    Attributes:
        victims: how many processes were killed, by kind.
        taken_up_seconds: for each killed orchestrator that had runs, until the last of them was another's.
    """

    database: str
    num_jobs: int
    findings: Findings
    victims: Counter[str] = field(default_factory=Counter)
    taken_up_seconds: list[float] = field(default_factory=list)
    wall_seconds: float = 0.0
    num_broken: int = 0


@dataclass(frozen=True)
class Clips:
    """A folder of small videos, and each one's name and its mark's box."""

    folder: Path
    boxes: dict[str, list[float]]

    def of(self, number: int) -> tuple[str, list[float]]:
        """For a job."""
        return list(self.boxes.items())[number % len(self.boxes)]


def make_clips(folder: Path) -> Clips:
    """Each of another scene."""
    boxes = {}
    for seed in range(NUM_CLIPS):
        scene = Scene("walk", 160, 120, CLIP_FRAMES, seed=seed)
        case = make_case(scene, draw_mark("bug"), folder / "cases" / f"{seed}", Burning(scale=1.0, crf=20))
        boxes[f"clip{seed}.mp4"] = case.places[0].box.as_list()
        shutil.copyfile(case.marked, folder / f"clip{seed}.mp4")
    return Clips(folder, boxes)


class Killing:
    """One trial.

    Args:
        seed: of the moments, the victims, and what is submitted when.
    """

    def __init__(self, ground: Ground, clips: Clips, num_jobs: int, seed: int) -> None:
        self._ground = ground
        self._clips = clips
        self._num_jobs = num_jobs
        self._chance = random.Random(seed)
        self._client = Client(ground)
        self._victims: Counter[str] = Counter()
        self._taken_up_seconds: list[float] = []
        self._orphans: dict[str, float] = {}  # orchestrators that were killed with runs, and when

    def run(self, database: str, num_kills: int, tell: Tell) -> Trial:
        """Submits, kills, waits, looks."""
        started = time.monotonic()
        auditor = Auditor(self._ground)
        with slow_server(self._clips.folder) as url, site(self._ground, _KINDS[database]) as processes:
            submitting = threading.Thread(target=self._submit, args=(url, random.Random(self._chance.random())))
            submitting.start()
            for moment in self._moments(num_kills):
                self._wait_for(auditor, moment)
                time.sleep(self._chance.uniform(0, 1.5))
                tell(f"{auditor.num_over()} jobs over; {self._kill(processes, auditor)} killed")
            submitting.join()
            self._wait_for(auditor, self._num_jobs)
            wall_seconds = time.monotonic() - started
            tell("all jobs over")
            faults = auditor.settled()
            faults += [f"{process.kind} ended with {code}" for process in processes if (code := process.stop())]
            faults += [f"{process.log.name}: a fault of ours" for process in processes if _has_fault(process)]
        faults += [f"process {pid} lives on" for pid in left_alive(self._ground)]
        findings = auditor.findings(self._num_jobs, faults)
        auditor.close()
        victims, seconds = self._victims, self._taken_up_seconds
        return Trial(database, self._num_jobs, findings, victims, seconds, wall_seconds, self._client.num_broken)

    def _submit(self, url: str, chance: random.Random) -> None:
        """Some at once, the others one by one; each again until it is answered. Every third is to be fetched."""
        for number in range(self._num_jobs):
            name, box = self._clips.of(number)
            path, body = self._request(url if number % 3 == 2 else None, name, box)
            self._client.ask("POST", path, headers={"Idempotency-Key": f"job-{number}"}, **body)
            if number > self._num_jobs // 4:
                time.sleep(chance.uniform(0, 1))

    def _request(self, url: str | None, name: str, box: list[float]) -> tuple[str, dict[str, Any]]:
        if url is not None:
            asked = {"video_url": f"{url}/{name}", "rights_confirmed": True, "boxes": [box], "fresh": True}
            return "/api/v1/jobs", {"json": asked}
        fields = {"rights_confirmed": "true", "boxes": str([box]), "fresh": "true"}  # few clips, but work for all
        return "/api/v1/jobs/upload", {
            "data": fields,
            "files": {"video": (name, (self._clips.folder / name).read_bytes())},
        }

    def _moments(self, num_kills: int) -> list[int]:
        """At how many jobs over."""
        last = int(self._num_jobs * _LAST_SHARE) - 1
        return sorted(self._chance.randint(0, last) for _ in range(num_kills))

    def _wait_for(self, auditor: Auditor, num_over: int) -> None:
        end = time.monotonic() + _PATIENCE_SECONDS
        while auditor.num_over() < num_over:
            if time.monotonic() > end:
                raise RuntimeError(f"{auditor.num_over()} jobs over, and no more")
            self._note_taken_up(auditor)
            time.sleep(0.1)

    def _note_taken_up(self, auditor: Auditor) -> None:
        if self._orphans:
            takers = set(auditor.runs.under_way().values())
            for name in [name for name in self._orphans if name not in takers]:
                self._taken_up_seconds.append(time.monotonic() - self._orphans.pop(name))

    def _kill(self, processes: list[Process], auditor: Auditor) -> str:
        """One process, of the service or of a pool; the first is started again. Returns its kind."""
        index = self._chance.randrange(len(processes))
        worker = some_worker(processes, self._chance) if self._chance.random() < 0.4 else None
        if worker is not None:
            os.kill(worker, signal.SIGKILL)
            self._victims[POOL_WORKER] += 1
            return POOL_WORKER
        victim = processes[index]
        victim.kill()
        if victim.kind != API and victim.name in auditor.runs.under_way().values():
            self._orphans[victim.name] = time.monotonic()
        processes[index] = Process(self._ground, victim.kind)
        processes[index].wait_until_up()
        self._victims[victim.kind] += 1
        return victim.kind


def _has_fault(process: Process) -> bool:
    return "Traceback" in process.log.read_text()


def page(trials: list[Trial], seed: int) -> str:
    """The part of the page."""
    rows = [f"| {trial.database} | {' | '.join(_row(trial))} |" for trial in trials]
    return "\n".join(["## Kills", "", _made_by(trials, seed), "", _PROTOCOL, "", _HEADING, "|---" * 9 + "|", *rows])


def _made_by(trials: list[Trial], seed: int) -> str:
    num_kills = max(trial.victims.total() for trial in trials)
    asked = f"--jobs {trials[0].num_jobs} --kills {num_kills} --seed {seed}"
    return f"Made by `python -m benchmarks.service_kills {asked}` on {date.today()}.\n{machine()}"


def _row(trial: Trial) -> list[str]:
    found, waits = trial.findings, trial.taken_up_seconds
    return [
        ", ".join(f"{number} {kind}" for kind, number in sorted(trial.victims.items())),
        ", ".join(f"{number} {state}" for state, number in found.outcomes.items()),
        str(found.num_again),
        str(trial.num_broken),
        str(found.num_uploads_broken),
        f"{median(waits):.1f} s (worst {max(waits):.1f} s)" if waits else "none had runs",
        f"{trial.wall_seconds:.0f} s",
        "; ".join(found.faults) or "none",
    ]


def main(arguments: list[str] | None = None) -> int:
    """Kills, looks, writes the page; 1 when anything was lost, doubled or left over."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service_kills", description=__doc__)
    parser.add_argument("--postgresql", metavar="URL", help="an empty database; without it SQLite alone is tried")
    parser.add_argument("--only-postgresql", action="store_true", help="leave SQLite aside")
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    end_cleanly()
    started = time.monotonic()

    def tell(words: str) -> None:
        print(f"{time.monotonic() - started:7.1f} s  {words}", file=sys.stderr, flush=True)

    databases = {"SQLite": None} if not options.only_postgresql else {}
    databases |= {"PostgreSQL": options.postgresql} if options.postgresql else {}
    with tempfile.TemporaryDirectory() as folder:
        clips = make_clips(Path(folder))
        trials = []
        for name, url in databases.items():
            tell(name)
            ground = new_ground(Path(folder) / name, url)
            trials.append(Killing(ground, clips, options.jobs, options.seed).run(name, options.kills, tell))
            tell(str(trials[-1]))
    if len(trials) > 1:
        write_part("kills", page(trials, options.seed))
    return int(any(trial.findings.faults for trial in trials))


if __name__ == "__main__":
    sys.exit(main())
