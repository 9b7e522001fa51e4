"""What a user of the service does from the first token to the last, with the real process, the real removal and the
real commands: tokens made, videos handed over by one process and fetched by another, tokens changed under way.
"""

from __future__ import annotations

import base64
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from running import OVER, User, client
from serving_process import Service, served

from blanklogo.cli.app import run
from blanklogo.cli.stop import Stop
from blanklogo.testbed.cases import Burning, Case, make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene
from blanklogo.testbed.scoring import score

ROOT = Path(__file__).parents[2]
OVERLAP_SECONDS = 8.0
PATIENCE_SECONDS = 240.0
BETTER_DB = 10.0  # what a removal brings inside this mark; measured: 15


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    scene = Scene("walk", 256, 144, 60, seed=1)  # whose mark is found without help
    return make_case(scene, draw_mark("bug"), tmp_path_factory.mktemp("case"), Burning(scale=1.0, crf=20))


def box_of(case: Case) -> list[int]:
    return [int(edge) for edge in case.places[0].box.as_list()]


def is_clean(case: Case, result: Path) -> bool:
    """Whether the mark is gone from it, by the truth."""
    after, before = score(case, result), score(case, case.marked)
    assert after.psnr_inside_db is not None
    assert before.psnr_inside_db is not None
    return after.num_frames == case.num_frames and after.psnr_inside_db > before.psnr_inside_db + BETTER_DB


@dataclass(frozen=True)
class Site:
    """A service, and the folder in which its users work."""

    service: Service
    folder: Path
    database: str

    def command(self, *words: str) -> str:
        """What `blanklogo token …` prints, typed beside the service."""
        done = subprocess.run(
            [sys.executable, "-m", "blanklogo", "token", *words],
            env=os.environ | {"BLANKLOGO_SERVICE_DATABASE": self.database},
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def elsewhere(self, program: str, token: str, *words: str | Path) -> str:
        """What a program prints that knows nothing but the service's address and a token."""
        done = subprocess.run(
            [sys.executable, "-c", program, *map(str, words)],
            env=os.environ | {"BLANKLOGO_URL": self.service.url, "BLANKLOGO_TOKEN": token, "NO_PROXY": "127.0.0.1"},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with served(folder / "data") as service:
        assert service.url
        yield Site(service, folder, f"sqlite:///{folder / 'data' / 'service.db'}")
        assert service.stop() == 0
        assert not [line for line in service.lines if "Traceback" in line]


SUBMIT = """
import sys
from blanklogo.client import Client
with Client() as client:
    print(client.submit(sys.argv[1], rights_confirmed=True, boxes=[[int(edge) for edge in sys.argv[2:]]]).id)
"""

FETCH = """
import sys, time
from blanklogo.client import Client
with Client() as client:
    while not (job := client.get(sys.argv[1])).is_over:
        time.sleep(0.5)
    print(client.download(job.checked().id))
"""

BYTES = """
import json, sys
from pathlib import Path
from blanklogo.client import process_video
clean_bytes, stats = process_video(Path(sys.argv[1]).read_bytes(), "auto", "sora", rights_confirmed=True)
Path(sys.argv[2]).write_bytes(clean_bytes)
print(stats["frames_processed"], stats["watermarks_detected"])
"""


def test_a_worker_hands_over_and_another_fetches(site: Site, case: Case) -> None:
    token = site.command("new", "--name", "website")
    with client(site.service.url) as anyone:
        assert User(anyone).get("/health")["status"] == "healthy"
    job_id = site.elsewhere(SUBMIT, token, case.marked, *map(str, box_of(case)))
    name = site.elsewhere(FETCH, token, job_id)
    assert name == "marked.clean.mp4"
    assert is_clean(case, site.folder / name)


def test_bytes_in_bytes_out(site: Site, case: Case) -> None:
    token = site.command("new", "--name", "script")
    body = {"video": base64.b64encode(case.marked.read_bytes()).decode(), "rights_confirmed": True, "platform": "sora"}
    with client(site.service.url, token) as http:
        answer = http.post("/process_video_http", json=body, timeout=PATIENCE_SECONDS).raise_for_status().json()
    result = site.folder / "by_http.mp4"
    result.write_bytes(base64.b64decode(answer["video"], validate=True))
    assert is_clean(case, result)
    assert answer["stats"]["platform"] == "sora"
    said = site.elsewhere(BYTES, token, case.marked, "by_client.mp4")
    assert said == f"{case.num_frames} {answer['stats']['watermarks_detected']}"
    assert is_clean(case, site.folder / "by_client.mp4")


def test_a_token_is_changed_while_jobs_are_under_way(
    site: Site, case: Case, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = site.command("new", "--name", "app")
    fields = {"boxes": str([box_of(case)]), "fresh": "true"}
    with client(site.service.url, old) as http:
        job_ids = [User(http).upload(case.marked.read_bytes(), **fields)["job_id"] for _ in range(3)]
        monkeypatch.setenv("BLANKLOGO_SERVICE_DATABASE", site.database)
        began = time.monotonic()
        code = run(["token", "rotate", old.partition(":")[0], "--overlap", f"{OVERLAP_SECONDS:g}s"], Stop())
        ended = time.monotonic()
        new = capsys.readouterr().out.strip()
        assert (code, new.partition(":")[0] == old.partition(":")[0]) == (0, False)
        with client(site.service.url, new) as newer:
            num_within = 0
            while time.monotonic() < ended + OVERLAP_SECONDS:
                answer = http.get(f"/api/v1/jobs/{job_ids[0]}")
                if time.monotonic() < began + OVERLAP_SECONDS:
                    num_within += 1
                    assert answer.status_code == 200, "the old one works on"
                assert User(newer).get(f"/api/v1/jobs/{job_ids[0]}")["status"] in ("processing", "queued", *OVER)
                time.sleep(0.2)
            assert num_within > 0
            assert http.get(f"/api/v1/jobs/{job_ids[0]}").status_code == 401, "and then no more"
            assert http.get("/health").status_code == 200
            job_ids.append(User(newer).upload(case.marked.read_bytes(), **fields)["job_id"])
            for job_id in job_ids:
                assert User(newer).over(job_id)["status"] == "completed", "whoever asked for it"
            site.command("revoke", new.partition(":")[0])
            assert newer.get("/api/v1/jobs").status_code == 401


# The quick start, word for word


def blocks(page: str, heading: str) -> list[str]:
    """What a page has people type under a heading."""
    text = (ROOT / page).read_text(encoding="utf-8")
    section = re.split(r"^## ", text.partition(f"## {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def typed(words: str, folder: Path, port: int) -> None:
    """Lines of a page, typed in a shell, at the port that the service has here. Raises AssertionError: they failed."""
    here = folder / "bin"
    here.mkdir(exist_ok=True)
    shim = here / "blanklogo"
    shim.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m blanklogo "$@"\n')
    shim.chmod(0o755)
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", words.replace(":8000", f":{port}").replace(".venv/bin/", "")],
        env=os.environ | {"PATH": f"{here}:{Path(sys.executable).parent}:{os.environ['PATH']}", "NO_PROXY": "*"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not all(map(shutil.which, ("bash", "curl", "base64"))), reason="the page's lines need a shell")
def test_the_quick_start_as_it_is_written(tmp_path: Path, case: Case) -> None:
    serving, one_curl, _, by_client = blocks("docs/service.md", "Quick start")
    command, *_ = serving.splitlines()
    assert shlex.split(command) == ["blanklogo", "serve", "--data", "./blanklogo-data"]
    shutil.copyfile(case.marked, tmp_path / "clip.mp4")
    port = free_port()
    data = tmp_path / "blanklogo-data"
    with served(data, ("serve",), BLANKLOGO_SERVICE_PORT=str(port)) as service:
        assert service.url == f"http://127.0.0.1:{port}"
        given, one_curl = one_curl.split("\n", 1)
        assert given.startswith("TOKEN=tok_")
        token = f"TOKEN={service.token}\n"
        typed(token + one_curl, tmp_path, port)
        assert is_clean(case, tmp_path / "clip.clean.mp4")
        (tmp_path / "clip.clean.mp4").unlink()
        typed(token + by_client, tmp_path, port)
        assert is_clean(case, tmp_path / "clip.clean.mp4")
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        (line,) = [line for line in readme.splitlines() if "blanklogo jobs submit" in line]
        typed(f"{token}{by_client.splitlines()[0]}\n{line}", tmp_path, port)
        assert is_clean(case, tmp_path / "clean.mp4")
        assert service.stop() == 0
