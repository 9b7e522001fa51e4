"""An app for what deployments that are in order do not do."""

from __future__ import annotations

import time

import modal

app = modal.App("breaking")
image = modal.Image.debian_slim()


@app.function(image=image, max_containers=2)
def double(number: int) -> int:
    return 2 * number


@app.function(image=image)
def size(data: bytes) -> bytes:
    return data[::-1]


@app.cls(image=image, startup_timeout=1)
class Slow:
    @modal.enter()
    def setup(self) -> None:
        time.sleep(60)

    @modal.method()
    def run_to_end(self, order: dict) -> dict:
        return order


@app.function(image=image, secrets=[modal.Secret.from_dict({"COLOUR": "red"})])
def colour() -> str:
    import os

    return os.environ["COLOUR"]


@app.function(image=image)
@modal.fastapi_endpoint(method="GET")
def patient(seconds: float) -> dict:
    time.sleep(seconds)
    return {"slept": seconds}
