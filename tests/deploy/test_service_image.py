"""What the Dockerfile does, done without Docker: the same steps into a fresh environment, then the service in it as
somebody who may write to two folders and has neither a name, a home nor a right.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import pytest
from clip_checks import check_clean
from local_http import free_port
from service_files import ROOT, exec_form, image_environment, image_user, instructions

from blanklogo.testbed.cases import Case

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="needs users and signals of POSIX")]
SERVICE = ROOT / "deploy" / "service"
STOP_SECONDS = 30.0  # as Compose gives it
T = TypeVar("T")
PATIENCE_SECONDS = 180.0  # far more than anything here takes, on a machine with something else to do


@dataclass
class Container:
    """Attributes:
    base: holds all of it; anyone may pass through.
    environment: the process's, all of it.
    """

    base: Path
    environment: dict[str, str]
    user: dict[str, Any]

    @property
    def data(self) -> Path:
        return self.base / "data"

    @property
    def scratch(self) -> Path:
        return self.base / "scratch"

    def start(self, command: list[str], log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as written:
            return subprocess.Popen(
                self.found(command),
                env=self.environment,
                cwd=self.data,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                umask=0o022,
                **self.user,
            )

    def found(self, command: list[str]) -> list[str]:
        """By the container's PATH, not by this process's."""
        return [str(self.base / "blanklogo" / "bin" / command[0]), *command[1:]]

    def code(self, command: list[str]) -> int:
        done = subprocess.run(
            self.found(command), env=self.environment, cwd=self.data, timeout=60, check=False, **self.user
        )
        return done.returncode


def interpreter() -> str:
    """One that another user may run: a home folder, where one's own may lie, lets nobody in."""
    for path in (Path(sys._base_executable).resolve(), Path("/usr/bin/python3").resolve()):
        reachable = all(stat.S_IMODE(folder.stat().st_mode) & 0o001 for folder in path.parents)
        if os.geteuid() != 0 or reachable:
            check = "import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))"
            if subprocess.run([path, "-c", check], capture_output=True, check=False).returncode == 0:
                return str(path)
    pytest.skip("no Python 3.11 to 3.13 with venv that another user may run")


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    """Not pytest's own folder, which is for one user's eyes."""
    folder = Path(tempfile.mkdtemp(prefix="blanklogo-image-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def installed(base: Path) -> Path:
    """The environment, by the Dockerfile's own steps."""
    told = {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run([interpreter(), "-m", "venv", base / "build"], check=True)
    steps = instructions(SERVICE / "Dockerfile")
    second = [index for index, (word, _) in enumerate(steps) if word == "FROM"][1]
    for word, rest in steps[:second]:
        if word == "RUN":
            script = rest.replace("python -m", f"{base}/build/bin/python -m")
            script = script.replace(f"/opt/blanklogo/bin/{base}/build", f"{base}/blanklogo")
            script = script.replace("/opt/", f"{base}/").replace("/wheels", f"{base}/wheels")
            subprocess.run(["sh", "-ec", script], cwd=ROOT, env=os.environ | told, check=True)
    return base / "blanklogo"


@pytest.fixture(scope="module")
def container(base: Path, installed: Path) -> Container:
    uid, gid = map(int, image_user().split(":"))
    user: dict[str, Any] = {"user": uid, "group": gid, "extra_groups": []} if os.geteuid() == 0 else {}
    for name in ("data", "scratch"):
        (base / name).mkdir(mode=0o700)
        if user:
            os.chown(base / name, uid, gid)
    said = image_environment()
    environment = {name: value.replace("/data", f"{base}/data") for name, value in said.items()} | {
        "PATH": f"{installed}/bin:/usr/bin:/bin",
        "BLANKLOGO_SERVICE_HOST": "127.0.0.1",
        "BLANKLOGO_SERVICE_PORT": str(free_port()),
        "TMPDIR": f"{base}/scratch",
    }
    return Container(base, environment, user)


def files_of(uid: int, *folders: Path) -> list[Path]:
    """Those that belong to that user."""
    return [path for folder in folders for path in folder.rglob("*") if path.lstat().st_uid == uid]


def wait(is_it: Callable[[], T], process: subprocess.Popen[bytes], log: Path) -> T:
    """What it comes to, as soon as it is something."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if found := is_it():
            return found
        time.sleep(0.2)
    raise AssertionError(log.read_text(errors="replace")[-4000:])


def token_in(log: Path) -> str | None:
    lines = [line.strip() for line in log.read_text().splitlines()]
    return next((line for line in lines if line.startswith("tok_")), None)


def cleaned(http: httpx2.Client, case: Case, process: subprocess.Popen[bytes], log: Path) -> bytes:
    """The clip, sent as a file and fetched when it is done."""
    form = {"rights_confirmed": "true", "boxes": str([place.box.as_list() for place in case.places])}
    files = {"video": ("clip.mp4", case.marked.read_bytes())}
    made = http.post("/api/v1/jobs/upload", data=form, files=files)
    assert made.status_code == 201, made.text
    path = f"/api/v1/jobs/{made.json()['job_id']}"

    def over() -> dict[str, Any] | None:
        job = http.get(path).json()
        return job if job["status"] in ("completed", "failed", "cancelled") else None

    job = wait(over, process, log)
    assert job["status"] == "completed", job
    return http.get(http.get(f"{path}/download").json()["download_url"]).content


def test_the_image_serves_and_stops(container: Container, case: Case, tmp_path: Path) -> None:
    log = tmp_path / "log"
    health, uid = exec_form("HEALTHCHECK"), container.user.get("user", os.getuid())
    assert container.code(health) != 0, "nobody answers yet"
    before = set(files_of(uid, Path("/var/tmp"), Path("/dev/shm"))) if container.user else set()
    process = container.start(exec_form("CMD"), log)
    try:
        token = wait(lambda: token_in(log), process, log)
        wait(lambda: container.code(health) == 0, process, log)
        url = f"http://127.0.0.1:{container.environment['BLANKLOGO_SERVICE_PORT']}"
        headers = {"Authorization": f"Bearer {token}"}
        with httpx2.Client(base_url=url, headers=headers, timeout=PATIENCE_SECONDS, trust_env=False) as http:
            ready = http.get("/readyz")
            assert ready.json() == {"database": "ok", "storage": "ok", "engine": "ok", "orchestrators": 1}, ready.text
            check_clean(case, cleaned(http, case, process, log), tmp_path)
        assert container.code(["blanklogo", "worker", "--check"]) == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_SECONDS) == 0
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in log.read_text()
    assert os.listdir(container.scratch) == [], "nothing is left of the work"
    assert {path.name.partition("-")[0].partition(".")[0] for path in container.data.iterdir()} <= {
        "fetching",
        "service",
        "storage",
        "url",
        "webhook",
    }
    if container.user:
        assert set(files_of(uid, Path("/var/tmp"), Path("/dev/shm"))) == before, "and it wrote nowhere else"


def test_what_only_builds_is_not_in_it(installed: Path) -> None:
    names = {path.name.partition("-")[0].lower() for path in installed.glob("lib/python3*/site-packages/*.dist-info")}
    assert {"blanklogo", "av", "dbos", "modal"} <= names
    assert not {"pip", "hatchling", "pytest", "ruff", "hypothesis"} & names
