"""The training loop: AdamW with a warm-up and a cosine, and the mean of the weights' last steps as the result."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from training import checkpoints
from training.classifier.net import ClassifierNet
from training.classifier.proposals import Batch, epoch
from training.detector.exported import net_of
from training.detector.net import DetectorNet

CHECKPOINT = "classifier.pt"
WARM_UP_STEPS = 200
MEAN_DECAY = 0.998
TOLD_EVERY = 50
BATCHES_SEEN = 8


@dataclass(frozen=True)
class Recipe:
    """How long, how fast and on what. `steps` are batches in all; a run that was stopped goes on up to them."""

    steps: int
    batch_size: int = 32
    rate: float = 1e-3
    weight_decay: float = 0.02
    save_every: int = 200
    seed: int = 1
    device: str = "cpu"

    def rate_at(self, step: int) -> float:
        warm = min(1.0, (step + 1) / min(WARM_UP_STEPS, self.steps))
        return self.rate * warm * (0.02 + 0.98 * (1 + math.cos(math.pi * step / self.steps)) / 2)


class _Run:
    """A net in training, and the running mean of its weights."""

    def __init__(self, recipe: Recipe, detector: DetectorNet) -> None:
        torch.manual_seed(recipe.seed)
        self.device = recipe.device
        self.net = ClassifierNet(detector).to(self.device, memory_format=torch.channels_last)
        self.mean = copy.deepcopy(self.net).eval()
        self.optimiser = torch.optim.AdamW(self.net.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)
        self.step = 0

    def learn(self, batch: Batch, rate: float) -> float:
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.net.train()
        with torch.autocast(self.device, torch.bfloat16):
            crops = batch.crops.to(self.device, memory_format=torch.channels_last)
            logits = self.net(crops, batch.scores.to(self.device))
        loss = nn.functional.binary_cross_entropy_with_logits(logits.float(), batch.targets.to(self.device))
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 10.0)
        self.optimiser.step()
        self.step += 1
        self._average()
        return float(loss.detach())

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(MEAN_DECAY, self.step / (self.step + 10))
        for kept, new in zip(self.mean.state_dict().values(), self.net.state_dict().values(), strict=True):
            if kept.is_floating_point():
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)

    def state(self) -> dict[str, Any]:
        return {
            "net": self.net.state_dict(),
            "mean": self.mean.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.net.load_state_dict(state["net"])
        self.mean.load_state_dict(state["mean"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])


def train(data: Path, folder: Path, recipe: Recipe, detector: Path) -> None:
    """Train on the shards in `data` and their proposals; the checkpoint in `folder` is taken up where there is one.

    Raises:
        FileNotFoundError: no shards, or no proposals beside them.
    """
    batches = [batch for batch, _ in zip(_batches(data, recipe, 0), range(BATCHES_SEEN), strict=False)]
    run = _Run(recipe, net_of(detector, torch.cat([batch.crops[:, :-1] for batch in batches])))
    state = checkpoints.load(folder / CHECKPOINT)
    if state:
        run.restore(state)
    losses: list[float] = []
    began = time.monotonic()
    for batch in _batches(data, recipe, run.step):
        losses.append(run.learn(batch, recipe.rate_at(run.step)))
        if run.step % TOLD_EVERY == 0:
            pace = len(losses) / (time.monotonic() - began)
            print(f"step {run.step} of {recipe.steps}: loss {np.mean(losses[-200:]):.4f}, {pace:.2f}/s", flush=True)
        if run.step % recipe.save_every == 0 or run.step == recipe.steps:
            checkpoints.save(folder / CHECKPOINT, run.state())


def trained_net(folder: Path) -> ClassifierNet:
    """The mean net of the checkpoint in `folder`.

    Raises:
        FileNotFoundError: there is none.
    """
    state = checkpoints.load(folder / CHECKPOINT)
    if state is None:
        raise FileNotFoundError(f"no {CHECKPOINT} in {folder}: train first")
    net = ClassifierNet(DetectorNet())
    net.load_state_dict(state["mean"])
    return net.eval()


def _batches(data: Path, recipe: Recipe, first_step: int) -> Iterator[Batch]:
    """Batches from the given step on. Each epoch has its own order."""
    paths = sorted(data.glob("windows*.npz"))
    if not paths:
        raise FileNotFoundError(f"no windows in {data}: compose first")
    step, number = 0, 0
    while step < recipe.steps:
        for batch in epoch(paths, recipe.batch_size, np.random.default_rng([recipe.seed, number])):
            if step >= recipe.steps:
                return
            if step >= first_step:
                yield batch
            step += 1
        number += 1
