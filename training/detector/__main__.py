"""The detector from nothing to a file: each step one command, each resumable.

python -m training.detector compose  --folder RUN        # windows to learn from, and held-out ones
python -m training.detector train    --folder RUN
python -m training.detector export   --folder RUN        # RUN/blanklogo-detector.onnx
python -m training.detector evaluate --folder RUN        # recall, precision, false alarms on the held-out windows
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from training.detector.compose import SHARD_WINDOWS, compose
from training.detector.evaluate import evaluate
from training.detector.export import export
from training.detector.train import Recipe, train, trained_net
from training.loop import Recipe as AnyRecipe

MODEL_NAME = "blanklogo-detector.onnx"


@dataclass(frozen=True)
class Scale:
    """How much: shards of windows to learn from and held out, windows in each, and batches in all."""

    num_shards: int
    num_held_out: int
    windows: int
    recipe: AnyRecipe


STEPS_ON = 6200  # of a run that begins with another's net, at half the rate
FULL = Scale(110, 2, SHARD_WINDOWS, Recipe(steps=13000))
TINY = Scale(1, 1, 4, Recipe(steps=4, batch_size=2, save_every=2))


def main(arguments: list[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    torch.set_num_threads(given.threads)
    scale, folder = TINY if given.tiny else FULL, given.folder
    steps = {"compose": _compose, "train": _train, "export": _export, "evaluate": _evaluate}
    steps[given.step](scale, folder, given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.detector", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=("compose", "train", "export", "evaluate"))
    parser.add_argument("--folder", type=Path, required=True, help="where everything goes, and is gone on from")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--begin-with", type=Path, metavar="RUN|ONNX", help="train on from another run's or file's net")
    parser.add_argument("--jobs", type=int, default=2, help="processes that compose (default: 2)")
    parser.add_argument("--threads", type=int, default=1, help="of a training step (default: 1)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--tiny", action="store_true", help="a few windows and steps: to see that it runs")
    return parser


def _compose(scale: Scale, folder: Path, given: argparse.Namespace) -> None:
    for name, num_shards, held_out in (("held-out", scale.num_held_out, True), ("train", scale.num_shards, False)):
        compose(folder / name, num_shards, seed=given.seed, jobs=given.jobs, held_out=held_out, windows=scale.windows)


def _train(scale: Scale, folder: Path, given: argparse.Namespace) -> None:
    recipe = replace(scale.recipe, seed=given.seed, device=given.device)
    if given.begin_with is not None:
        recipe = replace(recipe, steps=min(recipe.steps, STEPS_ON), rate=recipe.rate / 2)
    train(folder / "train", folder, recipe, given.begin_with)


def _export(scale: Scale, folder: Path, given: argparse.Namespace) -> None:
    del scale, given
    export(trained_net(folder), folder / MODEL_NAME)
    print(folder / MODEL_NAME)


def _evaluate(scale: Scale, folder: Path, given: argparse.Namespace) -> None:
    del scale, given
    print("score  recall  precision  false alarms")
    for row in evaluate(folder / MODEL_NAME, folder / "held-out"):
        print(f"{row.threshold:5.2f}  {row.recall:6.1%}  {row.precision:9.1%}  {row.false_share:12.1%}")


if __name__ == "__main__":
    main()
