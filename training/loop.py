"""The training loop: AdamW with a warm-up and a cosine, and the mean of the weights' last steps as the result."""

from __future__ import annotations

import copy
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from training import checkpoints

WARM_UP_STEPS = 200
MEAN_DECAY = 0.998
LARGEST_GRADIENT = 10.0
TOLD_EVERY = 20

B = TypeVar("B")
Epoch = Callable[[Sequence[Path], int, np.random.Generator], Iterator[B]]
"""Batches of so many, from shards at these paths, in the generator's order."""


@dataclass(frozen=True)
class Recipe:
    """How long, how fast and on what. `steps` are batches in all; a run that was stopped goes on up to them.

    Convolutions run in bfloat16 where that is faster (`half_as_long`); weights, the loss and the optimiser stay in
    float32.
    """

    steps: int
    batch_size: int
    rate: float
    weight_decay: float = 0.02
    save_every: int = 100
    seed: int = 1
    device: str = "cpu"

    def rate_at(self, step: int) -> float:
        warm = min(1.0, (step + 1) / min(WARM_UP_STEPS, self.steps))
        return self.rate * warm * (0.02 + 0.98 * (1 + math.cos(math.pi * step / self.steps)) / 2)


def half_as_long(device: str) -> torch.autocast:
    """Convolutions in bfloat16 on a GPU and on processors with AVX-512 BF16, where they are two and a half times as
    fast as in float32; others emulate it, many times slower, and stay with float32."""
    is_fast = device != "cpu" or torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device, torch.bfloat16, enabled=is_fast)


class Run(ABC, Generic[B]):
    """A net in training, and the running mean of its weights.

    Args:
        make: the net with its first weights.
    """

    def __init__(self, recipe: Recipe, make: Callable[[], nn.Module]) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.device = recipe.device
        self.net = make().to(self.device, memory_format=torch.channels_last)  # a sixth faster on processors
        self.mean = copy.deepcopy(self.net).eval()
        decayed = [p for p in self.net.parameters() if p.ndim > 1]
        others = [p for p in self.net.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=recipe.rate)
        self.step = 0

    @abstractmethod
    def loss(self, batch: B) -> Tensor:
        """Of the net on a batch, float32 []."""

    def learn(self, batch: B, rate: float) -> float:
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.net.train()
        loss = self.loss(batch)
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), LARGEST_GRADIENT)
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
            "chance": torch.get_rng_state(),
            "recipe": asdict(self.recipe),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint as if nothing had been between. Raises ValueError: it is of another recipe."""
        if state["recipe"] != asdict(self.recipe):
            raise ValueError(f"the checkpoint is of another training ({state['recipe']}); name another folder")
        torch.set_rng_state(state["chance"])
        self.net.load_state_dict(state["net"])
        self.mean.load_state_dict(state["mean"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])


def go_on(run: Run[B], batches: Iterable[B], recipe: Recipe, path: Path) -> None:
    """Learn from batches up to the recipe's end, telling how it goes; the checkpoint is kept at `path`."""
    losses: list[float] = []
    began = time.monotonic()
    for batch in batches:
        losses.append(run.learn(batch, recipe.rate_at(run.step)))
        if run.step % TOLD_EVERY == 0:
            pace = len(losses) / (time.monotonic() - began)
            print(f"step {run.step} of {recipe.steps}: loss {np.mean(losses[-100:]):.4f}, {pace:.2f}/s", flush=True)
        if run.step % recipe.save_every == 0 or run.step == recipe.steps:
            checkpoints.save(path, run.state())


def batches_from(data: Path, recipe: Recipe, first_step: int, epoch: Epoch[B]) -> Iterator[B]:
    """Batches from the given step on. Each epoch has its own order, so that a run taken up goes on as it would have.

    Raises:
        FileNotFoundError: no shards in `data`.
    """
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


def mean_net(path: Path, net: nn.Module) -> None:
    """Give a net the mean weights of the checkpoint at `path`.

    Raises:
        FileNotFoundError: there is none.
    """
    state = checkpoints.load(path)
    if state is None:
        raise FileNotFoundError(f"no {path.name} in {path.parent}: train first")
    net.load_state_dict(state["mean"])
    net.eval()
