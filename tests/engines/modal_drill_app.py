"""An app of the same shape as deploy/modal_app.py, with the drill in the place of the remover."""

from __future__ import annotations

import os

import modal

from blanklogo.engines.modal_means import SPEC_TAG, class_options, spec_digest
from blanklogo.engines.modal_worker import ModalWorker
from blanklogo.engines.spec import EngineSpec

spec = EngineSpec.from_environment(os.environ)
app = modal.App("blanklogo-drill", tags={SPEC_TAG: spec_digest(spec)})
image = modal.Image.debian_slim()
options = class_options(spec) | {"image": image, "enable_memory_snapshot": True}


@app.cls(**options)
class Drill:
    @modal.enter(snap=True)
    def setup(self) -> None:
        self.worker = ModalWorker("blanklogo.engines.drill:Drill")
        self.worker.load()

    @modal.exit()
    def leave(self) -> None:
        self.worker.close()

    @modal.method()
    def run_to_end(self, order: dict) -> dict:
        return self.worker.run_to_end(order)


@app.cls(**options)
class Unloadable:
    @modal.enter(snap=True)
    def setup(self) -> None:
        self.worker = ModalWorker("blanklogo.engines.drill:Unloadable")
        self.worker.load()

    @modal.exit()
    def leave(self) -> None:
        self.worker.close()

    @modal.method()
    def run_to_end(self, order: dict) -> dict:
        return self.worker.run_to_end(order)
