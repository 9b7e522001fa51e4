"""Training: seeded, resumable, on as many threads as it is given.

Each step's batch depends on the seed and the step alone, and a checkpoint holds the weights, their running mean, the
optimiser and the step, so that a training that was killed goes on as if it had not been.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training import checkpoints
from training.inpainter.crops import CropSet, fingerprint
from training.inpainter.loss import losses
from training.inpainter.net import Inpainter, Widths
from training.loop import half_as_long

CHECKPOINT = "checkpoint.pt"
_RATE = 1.2e-3
_WARM_STEPS = 150
_WEIGHT_DECAY = 1e-4
_LARGEST_GRADIENT = 1.0
_MEAN_HALF_LIFE_STEPS = 150  # of the running mean of the weights, which is what is exported

Told = Callable[[str], None]


@dataclass(frozen=True)
class Schedule:
    """How long, and how often it is kept.

    Attributes:
        seed: of weights and batches.
        num_steps: in all; the rate falls to 0 towards the last.
        batch_size: crops a step.
        keep_every: steps between checkpoints.
    """

    seed: int
    num_steps: int
    batch_size: int = 8
    keep_every: int = 250


@dataclass(eq=False)
class _State:
    net: Inpainter
    mean: Inpainter
    optimiser: torch.optim.Optimizer
    step: int = 0

    def kept(self) -> dict[str, Any]:
        """What a checkpoint holds of it."""
        parts = {"net": self.net, "mean": self.mean, "optimiser": self.optimiser}
        return {name: part.state_dict() for name, part in parts.items()} | {"step": self.step}


@dataclass(frozen=True)
class Run:
    """Attributes:
    folder: keeps the checkpoint and the log (`train.jsonl`).
    device: cpu or cuda.
    """

    folder: Path
    schedule: Schedule
    widths: Widths
    device: str = "cpu"


def train(run: Run, crops: CropSet, told: Told = print) -> None:
    """Trains to the schedule's end, going on from the folder's checkpoint if it has one."""
    folder, schedule = run.folder, run.schedule
    state = _begun(run)
    about = {"schedule": asdict(schedule), "crops": fingerprint(crops), "widths": asdict(run.widths)}
    _resume(folder / CHECKPOINT, state, about)
    started, first = time.monotonic(), state.step
    recent: list[tuple[float, float, float]] = []
    while state.step < schedule.num_steps:
        recent.append(_stepped(state, crops, run))
        if state.step % schedule.keep_every == 0 or state.step == schedule.num_steps:
            checkpoints.save(folder / CHECKPOINT, state.kept() | {"about": about})
        if state.step % 50 == 0 or state.step == schedule.num_steps:
            pace = (state.step - first) / (time.monotonic() - started)
            _tell(folder, state.step, recent, pace, told)
            recent = []


def trained(folder: Path) -> tuple[Inpainter, dict]:
    """(the running mean's net, what it was trained with) of a folder. Raises FileNotFoundError: nothing is there."""
    kept = checkpoints.load(folder / CHECKPOINT)
    if kept is None:
        raise FileNotFoundError(f"no {CHECKPOINT} in {folder}: train first")
    net = Inpainter(Widths(**kept["about"]["widths"]))
    net.load_state_dict(kept["mean"])
    return net.eval(), kept["about"] | {"step": kept["step"]}


def batch_of(crops: CropSet, schedule: Schedule, step: int) -> tuple[Tensor, Tensor, Tensor]:
    """The step's batch: crops drawn without repeating until all were seen, mirrored by chance."""
    start = step * schedule.batch_size
    index = []
    for place in range(start, start + schedule.batch_size):
        number, at = divmod(place, len(crops))
        order = np.random.default_rng([schedule.seed, number]).permutation(len(crops))
        index.append(order[at])
    rng = np.random.default_rng([schedule.seed, 1 << 32, step])
    smooth, truth, hole = (torch.from_numpy(part) for part in crops.batch(np.array(index)))
    axes = [axis for axis, share in ((3, 0.5), (2, 0.25)) if rng.random() < share]
    smooth, truth, hole = (part.flip(axes) if axes else part for part in (smooth, truth, hole))
    if rng.random() < 0.3:  # other colours of the same things
        signs = torch.tensor([1.0, *rng.choice([-1.0, 1.0], 2)], dtype=torch.float32).view(1, 3, 1, 1)
        middle = torch.tensor([0.0, 128.0, 128.0]).view(1, 3, 1, 1)
        smooth, truth = ((part - middle) * signs + middle for part in (smooth, truth))
    return smooth, truth, hole


def _begun(run: Run) -> _State:
    torch.manual_seed(run.schedule.seed)
    net = Inpainter(run.widths).to(run.device, memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=_WEIGHT_DECAY, betas=(0.9, 0.98))
    return _State(net, copy.deepcopy(net), optimiser)


def _stepped(state: _State, crops: CropSet, run: Run) -> tuple[float, float, float]:
    """(loss, PSNR, the smooth fill's) of the step."""
    smooth, truth, hole = (part.to(run.device) for part in batch_of(crops, run.schedule, state.step))
    for group in state.optimiser.param_groups:
        group["lr"] = _RATE * _share_of_rate(state.step, run.schedule.num_steps)
    with half_as_long(run.device):
        filled, expected = state.net(*(part.to(memory_format=torch.channels_last) for part in (smooth, hole)))
    found = losses(filled.float(), expected.float(), (smooth, truth, hole))
    state.optimiser.zero_grad(set_to_none=True)
    found.total.backward()
    torch.nn.utils.clip_grad_norm_(state.net.parameters(), _LARGEST_GRADIENT)
    state.optimiser.step()
    state.step += 1
    _follow(state)
    return float(found.total.detach()), found.psnr_db, found.smooth_psnr_db


def _share_of_rate(step: int, num_steps: int) -> float:
    warm = min(1.0, (step + 1) / min(_WARM_STEPS, max(1, num_steps // 4)))
    return warm * 0.5 * (1 + math.cos(math.pi * step / num_steps))


@torch.no_grad()
def _follow(state: _State) -> None:
    """The running mean, which forgets its beginning as it goes."""
    keep = min(0.5 ** (1 / _MEAN_HALF_LIFE_STEPS), state.step / (state.step + 10))
    for mean, now in zip(state.mean.parameters(), state.net.parameters(), strict=True):
        mean.lerp_(now, 1 - keep)


def _resume(path: Path, state: _State, about: dict) -> None:
    kept = checkpoints.load(path)
    if kept is None:
        return
    if kept["about"] != about:
        raise SystemExit(f"{path} is of another training ({kept['about']}); name another folder")
    state.net.load_state_dict(kept["net"])
    state.mean.load_state_dict(kept["mean"])
    state.optimiser.load_state_dict(kept["optimiser"])
    state.step = kept["step"]


def _tell(folder: Path, step: int, recent: list[tuple[float, float, float]], pace: float, told: Told) -> None:
    loss, psnr_db, smooth_db = np.mean(recent, axis=0)
    line = {"step": step, "loss": loss, "psnr_db": psnr_db, "gain_db": psnr_db - smooth_db, "steps_per_second": pace}
    with (folder / "train.jsonl").open("a") as log:
        log.write(json.dumps({name: round(float(value), 4) for name, value in line.items()}) + "\n")
    told(f"step {step}  loss {loss:.4f}  {psnr_db:.2f} dB ({psnr_db - smooth_db:+.2f})  {pace:.2f} steps/s")
