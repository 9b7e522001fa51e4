"""`python -m training.inpainter compose|train|export|evaluate --folder RUN --seed N`: see training/README.md."""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

import numpy as np

from blanklogo.types.arrays import Values
from training.inpainter.crops import CropSet, Sheets, read_crops, write_crops
from training.inpainter.frames import frame
from training.sources.marks import draw_mark

_MARK_HEIGHT_PX = (9.0, 52.0)
_OPACITY = (0.85, 1.0)  # what lets more light through is un-blended


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.inpainter", description=__doc__)
    parser.add_argument("step", choices=("compose", "train", "export", "evaluate"))
    parser.add_argument("--folder", type=Path, required=True, help="what is made goes here")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--crops", type=int, default=12000, help="composed for training")
    parser.add_argument("--held-out", type=int, default=240, help="composed for evaluation, of what training never saw")
    parser.add_argument("--steps", type=int, default=8000, help="of training, 8 crops each")
    parser.add_argument("--device", default="cpu", help="to train on: cpu or cuda (default: cpu)")
    parser.add_argument("--tiny", action="store_true", help="a few crops, steps and channels, to try it all")
    options = parser.parse_args(arguments)
    _STEPS[options.step](options)


def _compose(options: argparse.Namespace) -> None:
    counts = (16, 16) if options.tiny else (options.crops, options.held_out)
    for name, count, held_out in (("held-out", counts[1], True), ("train", counts[0], False)):
        seed = 2 * options.seed + held_out
        source = Sheets(partial(frame, held_out=held_out), partial(_drawn, held_out=held_out), seed)
        write_crops(options.folder / name, source, count, partial(_told_crops, name))


def _drawn(rng: np.random.Generator, *, held_out: bool) -> tuple[Values, Values]:
    mark = draw_mark(rng, float(rng.uniform(*_MARK_HEIGHT_PX)), opacity=_OPACITY, held_out=held_out)
    straight = mark.premultiplied / np.maximum(mark.alpha, 1e-3)[..., None]
    return mark.alpha, np.clip(straight, 0, 1).astype(np.float32)


def _told_crops(name: str, done: int, total: int) -> None:
    if done % 320 == 0 or done == total:
        print(f"{name}: {done} of {total} crops", flush=True)


def _train(options: argparse.Namespace) -> None:
    from training.inpainter.net import TINY, Widths
    from training.inpainter.train import Run, Schedule, train

    schedule = Schedule(options.seed, 4 if options.tiny else options.steps)
    widths = TINY if options.tiny else None
    run = Run(options.folder, schedule, widths or Widths(), options.device)
    train(run, read_crops(options.folder / "train"), partial(print, flush=True))


def _export(options: argparse.Namespace) -> None:
    from training.inpainter.export import export

    print(json.dumps(export(options.folder)))


def _evaluate(options: argparse.Namespace) -> None:
    from training.inpainter.evaluate import evaluate

    crops: CropSet = read_crops(options.folder / "held-out")
    print(json.dumps(evaluate(options.folder, crops), indent=1))


_STEPS = {"compose": _compose, "train": _train, "export": _export, "evaluate": _evaluate}

if __name__ == "__main__":
    main()
