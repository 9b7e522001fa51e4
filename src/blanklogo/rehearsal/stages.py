"""From nothing to a clean video over HTTP, and through everything that may go wrong: a deployment tried on loopback."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blanklogo.engines.bearer import VARIABLE, new_token
from blanklogo.engines.modal.engine import ModalEngine
from blanklogo.engines.modal.means import APP_NAME, CLASS_NAME, WEB_NAME
from blanklogo.engines.spec import GIB, EngineSpec
from blanklogo.errors import BlankLogoError, BudgetError, CrashError, MemoryLimitError, UnavailableError
from blanklogo.rehearsal.control_plane import Rehearsal

DRILL_APP = Path(__file__).with_name("drill_app.py")
SCALEDOWN_SECONDS = 3.0
SETTINGS = {
    "BLANKLOGO_GPU": "A10",
    "BLANKLOGO_MEMORY_BYTES": str(2 * GIB),
    "BLANKLOGO_SCALEDOWN_WINDOW_SECONDS": f"{SCALEDOWN_SECONDS:g}",
    "BLANKLOGO_MAX_WORKERS": "2",
}
_LIMITS = EngineSpec(gpu=("A10",), memory_bytes=400 << 20, timeout_seconds=2, scaledown_window_seconds=20)
_HTTP_SECONDS = 120


@dataclass(frozen=True)
class Stage:
    """One step. `seconds` is None while it runs."""

    name: str
    seconds: float | None = None
    detail: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "seconds": self.seconds and round(self.seconds, 3), "detail": self.detail}


Tell = Callable[[Stage], None]


def rehearse(deploy_file: Path, tell: Tell) -> list[Stage]:
    """Goes through all stages, telling each when it starts and when it is done.

    Raises:
        UnavailableError: the extra or its pinned version is missing, or a stage did not end as it should.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="blanklogo-rehearsal-")))
        return _Play(deploy_file, folder, stack, tell).play()


class _Play:
    """The stages, in their order, and what one leaves for the next."""

    def __init__(self, deploy_file: Path, folder: Path, stack: ExitStack, tell: Tell) -> None:
        self._deploy_file = deploy_file
        self._folder = folder
        self._stack = stack
        self._tell = tell
        self._done: list[Stage] = []
        self._shown, self._entry = new_token("rehearsal")
        self._note = ""

    def play(self) -> list[Stage]:
        for name, act in self._acts():
            self._note = ""
            self._tell(Stage(name))
            started = time.monotonic()
            act()
            self._done.append(Stage(name, time.monotonic() - started, self._note))
            self._tell(self._done[-1])
        return self._done

    def _acts(self) -> Iterator[tuple[str, Callable[[], None]]]:
        yield "a clip with a mark", self._make_clip
        yield "control plane", self._start
        yield "modal deploy", self._deploy
        yield "cold start, SDK", self._call
        yield "warm call, SDK", self._call
        yield "warm call, HTTP", self._post
        yield "without a token", self._post_as_stranger
        yield "scale to zero", self._wait_for_zero
        yield "deploy the drill", lambda: self._modal_deploy(DRILL_APP)
        yield "over its timeout", lambda: self._drill({"do": "work", "seconds": 60}, BudgetError)
        yield "crash", lambda: self._drill({"do": "crash"}, CrashError)
        yield "over its memory", lambda: self._drill({"do": "take", "megabytes": 800, "seconds": 20}, MemoryLimitError)
        yield "and well again", self._drill_well

    def _make_clip(self) -> None:
        from blanklogo.testbed.cases import Burning, make_case
        from blanklogo.testbed.marks import draw_mark
        from blanklogo.testbed.scenes import Scene

        case = make_case(Scene("hike", 320, 180, 50, seed=8), draw_mark("wordmark"), self._folder, Burning(crf=20))
        self._clip = case.marked.read_bytes()
        self._note = f"{case.num_frames} frames, {len(self._clip) / 1e3:.0f} kB"

    def _start(self) -> None:
        self._rehearsal = self._stack.enter_context(Rehearsal())
        self._stack.enter_context(self._rehearsal.as_the_environment())

    def _deploy(self) -> None:
        import modal

        self._modal_deploy(self._deploy_file)
        self._url = modal.Function.from_name(APP_NAME, WEB_NAME).get_web_url()
        self._note = f"{self._url} (GPU {SETTINGS['BLANKLOGO_GPU']} asked for, none here)"

    def _modal_deploy(self, file: Path) -> None:
        environment = os.environ | SETTINGS | {VARIABLE: self._entry}
        command = [sys.executable, "-m", "modal", "deploy", str(file)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            lines = (done.stdout + done.stderr).strip().splitlines()
            raise UnavailableError(f"modal deploy failed: {' '.join(lines[-4:])}", hint=" ".join(command[1:]))

    def _call(self) -> None:
        import modal

        remover = modal.Cls.from_name(APP_NAME, CLASS_NAME)()
        clean, stats = remover.process_video.remote(self._clip, "auto", "sora")
        self._note = _stats_words(clean, stats)

    def _post(self) -> None:
        status, answer = self._asked(f"Bearer {self._shown}")
        if status != 200:
            raise UnavailableError(f"the endpoint answered {status}: {answer}")
        self._note = _stats_words(base64.b64decode(answer["video"]), answer["stats"])

    def _post_as_stranger(self) -> None:
        status, answer = self._asked("Bearer rehearsal:guessed")
        if status != 401:
            raise UnavailableError(f"the endpoint answered a stranger with {status}")
        self._note = f"{status} {answer['title']}"

    def _asked(self, authorization: str) -> tuple[int, dict[str, Any]]:
        """What a client of the endpoint does: base64 in JSON, and a bearer token."""
        payload = {"video": base64.b64encode(self._clip).decode("utf-8"), "mode": "auto", "platform": "sora"}
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._url}/process_video_http", json.dumps(payload).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=_HTTP_SECONDS) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def _wait_for_zero(self) -> None:
        import modal

        method = modal.Cls.from_name(APP_NAME, CLASS_NAME)().process_video
        while method.get_current_stats().num_total_runners:
            time.sleep(0.1)
        self._note = f"scaledown window {SCALEDOWN_SECONDS:g} s"

    @contextmanager
    def _drill_engine(self) -> Iterator[ModalEngine]:
        names = {"app_name": "blanklogo-drill", "class_name": "Drill"}
        with ModalEngine(_LIMITS, "blanklogo.engines.drill:Drill", **names) as engine:
            yield engine

    def _drill(self, order: dict[str, Any], kind: type[BlankLogoError]) -> None:
        with self._drill_engine() as engine:
            try:
                engine.submit(order).result()
            except kind as error:
                self._note = f"{kind.__name__}: {error.came}"
                return
        raise UnavailableError(f"{order} did not end with {kind.__name__}")

    def _drill_well(self) -> None:
        with self._drill_engine() as engine:
            call = engine.submit({"do": "work"})
            call.result()
            self._note = f"{'cold' if call.stats.is_cold else 'warm'}, worker {call.stats.worker}"


def _stats_words(clean: bytes, stats: dict[str, Any]) -> str:
    marks, seconds = stats["watermarks_detected"], stats["processing_time_s"]
    return f"{marks} mark, {stats['frames_processed']} frames in {seconds:.1f} s, {len(clean) / 1e3:.0f} kB back"
