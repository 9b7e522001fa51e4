"""BlankLogo on Modal: a worker with a GPU that is there while there is work, and a small web side before it.

    pip install 'blanklogo[modal]' && modal token new       # once
    export BLANKLOGO_TOKENS=$(blanklogo modal token me)     # who may call over HTTP; the secret is told once
    modal deploy deploy/modal_app.py                        # or `blanklogo modal deploy`, which checks first

Then, from Python, by Modal's own SDK:

    WatermarkRemover = modal.Cls.from_name("blanklogo-watermark-removal", "WatermarkRemover")
    clean_bytes, stats = WatermarkRemover().process_video.remote(video_bytes, "auto", "sora")

or from anywhere, over HTTP: see docs/modal.md.

This file is read on the machine that deploys and again in every container. What is heavy is imported inside.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import modal

from blanklogo.engines.bearer import VARIABLE as TOKENS_VARIABLE
from blanklogo.engines.bearer import Tokens
from blanklogo.engines.modal.means import APP_NAME, SPEC_TAG, TIMEOUT_SECONDS, carried, class_options, spec_digest
from blanklogo.engines.spec import MINUTES, EngineSpec
from blanklogo.transfer.guard.policy import Policy

# ## What a worker may use
#
# Every figure has one home, `EngineSpec`, and each can be said by a variable: BLANKLOGO_GPU="L4,A10" (in this order of
# preference), BLANKLOGO_MEMORY_BYTES, BLANKLOGO_TIMEOUT_SECONDS, BLANKLOGO_SCALEDOWN_WINDOW_SECONDS,
# BLANKLOGO_MIN_WORKERS … A GPU that does not exist is refused here, before anything is sent. Without BLANKLOGO_GPU
# there is none: today's methods run on the CPU.

SPEC = EngineSpec.from_environment(os.environ)
app = modal.App(APP_NAME, tags={SPEC_TAG: spec_digest(SPEC)})

# ## What is installed
#
# The versions are those that the tests ran with: the runtime's lock, and the extras for media by URI and for the web.
# OpenCV is the headless build and PyAV brings its own FFmpeg, so that nothing comes from apt. Our own source comes
# last, since it changes most often; the shipped networks' weights are in it, which is why all its files go along and
# not its modules alone. Larger weights would be pulled by a `.run_function(…)` here, into the image.

LOCK = Path(__file__).parent.parent / "requirements" / "runtime.lock"
EXTRAS = ("fastapi==0.165.0", "starlette==1.10.0", "obstore==0.12.1")

image = (
    modal.Image.debian_slim(python_version="3.12")
    .uv_pip_install(requirements=[str(LOCK)])
    .uv_pip_install(*EXTRAS)
    .env({"OPENBLAS_NUM_THREADS": "1"})  # matrices are small here: more threads for them only spin
    .add_local_python_source("blanklogo", ignore=["**/__pycache__"])
)


def secret(variables: dict[str, str]) -> list[modal.Secret]:
    """Variables for a container; none where there are none, here as there."""
    return [modal.Secret.from_dict(dict(variables))] if variables else []


# Orders name URLs, and a worker asks for them on the public internet only. BLANKLOGO_ALLOWED_HOSTS="minio.internal,
# 10.0.0.0/8" lets it reach more (docs/security.md).

Policy.from_environment(os.environ)  # a slip is told now, not to the first caller
settings = secret(carried(os.environ))

# ## The worker
#
# `setup` runs once in the life of a worker, and what it leaves in memory is in the snapshot from which later workers
# start. A worker does one call at a time, stays for the scaledown window after its last one, closes, and is gone.


@app.cls(image=image, secrets=settings, enable_memory_snapshot=True, **class_options(SPEC))
class WatermarkRemover:
    """Takes marks out of videos."""

    @modal.enter(snap=True)
    def setup(self) -> None:
        from blanklogo.engines.modal.worker import ModalWorker

        self.worker = ModalWorker("blanklogo.remover:GuardedRemover")
        self.worker.load()

    @modal.enter()
    def wake(self) -> None:
        self.worker.wake()

    @modal.exit()
    def leave(self) -> None:
        self.worker.close()

    @modal.method()
    def process_video(self, video_bytes: bytes, mode: str = "auto", platform: str | None = None) -> tuple[bytes, dict]:
        """The short form: a file's bytes to the clean file's bytes, and what was done in seven figures."""
        from blanklogo.engines.modal.worker import process_video

        return process_video(self.worker, video_bytes, mode, platform)

    @modal.method()
    def run(self, order: dict) -> Iterator[dict]:
        """The streaming form, for `.remote_gen(order)`: progress and notices, and last the result."""
        yield from self.worker.run(order)

    @modal.method()
    def run_to_end(self, order: dict) -> dict:
        """The form to `.spawn(order)`: outlives its caller, can be cancelled; events go through a queue."""
        return self.worker.run_to_end(order)


# ## The web side
#
# It needs no GPU and holds no video for longer than a request. Callers show a token of ours, `Authorization: Bearer
# ID:SECRET`; the container knows only the secrets' SHA-256, from BLANKLOGO_TOKENS. Without that variable everything but
# /health is refused. BLANKLOGO_PROXY_AUTH=1 has Modal's own proxy ask for a Modal-Key and Modal-Secret as well.

TOKENS = os.environ.get(TOKENS_VARIABLE, "")
Tokens.parse(TOKENS)  # a slip is told now, not to the first caller
WAIT_SECONDS = SPEC.startup_timeout_seconds + SPEC.timeout_seconds + 5 * MINUTES  # the last for a worker to be free


@app.function(
    image=image,
    secrets=settings + secret({TOKENS_VARIABLE: TOKENS} if TOKENS else {}),
    cpu=0.5,
    memory=(512, 4 * 1024),  # MiB; a body of 50 MB is held about three times over
    timeout=min(int(WAIT_SECONDS), TIMEOUT_SECONDS[1]),
    max_containers=4,
)
@modal.concurrent(max_inputs=16)
@modal.asgi_app(label=APP_NAME, requires_proxy_auth=os.environ.get("BLANKLOGO_PROXY_AUTH") == "1")
def web():
    """POST /process_video_http, POST /jobs, GET /jobs/{id}, GET /jobs/{id}/events, DELETE /jobs/{id}, GET /health."""
    from blanklogo.engines.http_app import http_app
    from blanklogo.engines.modal.web import ModalCalls

    return http_app(ModalCalls(WatermarkRemover(), SPEC), Tokens.parse(TOKENS))
