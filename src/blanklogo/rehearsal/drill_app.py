"""An app of the same shape as deploy/modal_app.py, with the drill in the place of the remover: work, crash, hang."""

from __future__ import annotations

import os

import modal

from blanklogo.engines.modal.means import SPEC_TAG, class_options, spec_digest
from blanklogo.engines.spec import EngineSpec

APP_NAME = "blanklogo-drill"
SPEC = EngineSpec.from_environment(os.environ)

app = modal.App(APP_NAME, tags={SPEC_TAG: spec_digest(SPEC)})
image = modal.Image.debian_slim()


class _Worker:
    """What both classes are made of."""

    workload: str

    @modal.enter(snap=True)
    def setup(self) -> None:
        from blanklogo.engines.modal.worker import ModalWorker

        self.worker = ModalWorker(self.workload)
        self.worker.load()

    @modal.exit()
    def leave(self) -> None:
        self.worker.close()

    @modal.method()
    def run_to_end(self, order: dict) -> dict:
        """As the remover's."""
        return self.worker.run_to_end(order)


@app.cls(image=image, enable_memory_snapshot=True, **class_options(SPEC))
class Drill(_Worker):
    """Does what it is told."""

    workload = "blanklogo.engines.drill:Drill"


@app.cls(image=image, enable_memory_snapshot=True, **class_options(SPEC))
class Unloadable(_Worker):
    """Cannot load."""

    workload = "blanklogo.engines.drill:Unloadable"
