"""How good a net is on crops of pictures, fonts and shapes that it never saw.

Mean PSNR in dB over the crops, in the hole, Y, U and V weighted 6 : 1 : 1: of the harmonic fill, of OpenCV's
Navier-Stokes (radius 3, the same mask), and of the exported net. What the net expects of its error is held against it:
in quarters of the hole's pixels, by what was expected, the mean expected and the mean true absolute error of luma.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from blanklogo.types.arrays import Mask, Values
from training.inpainter.crops import CropSet
from training.inpainter.export import NAME

_WEIGHTS = np.array([6, 1, 1], np.float32) / 8


def evaluate(folder: Path, crops: CropSet) -> dict:
    """Figures of the folder's exported net."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / NAME), options, providers=["CPUExecutionProvider"])
    found: dict[str, list[float]] = {"harmonic": [], "ns": [], "net": []}
    thin: list[bool] = []
    pairs: list[Values] = []
    for k in range(len(crops)):
        smooth, truth, hole = crops.batch(np.array([k]))
        filled, expected = session.run(["filled", "error"], {"smooth": smooth, "hole": hole})
        inside = hole[0, 0] > 0
        found["harmonic"].append(psnr_db(smooth[0], truth[0], inside))
        found["ns"].append(psnr_db(navier_stokes(smooth[0], inside), truth[0], inside))
        found["net"].append(psnr_db(np.asarray(filled)[0], truth[0], inside))
        thin.append(cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 3).max() <= 10)
        error = np.abs(np.asarray(filled)[0, 0] - truth[0, 0])
        pairs.append(np.stack([np.asarray(expected)[0, 0][inside], error[inside]]))
    return {"num_crops": len(crops), **_means(found, np.array(thin)), "expected_and_true": _quarters(pairs)}


def psnr_db(picture: Values, truth: Values, inside: Mask) -> float:
    """Of [3, h, w] in a mask, as the figures weigh the planes."""
    squares = ((np.clip(picture, 0, 255) - truth) ** 2)[:, inside].mean(1)
    return float(10 * np.log10(255**2 / max(float(squares @ _WEIGHTS), 1e-2)))


def navier_stokes(picture: Values, hole: Mask) -> Values:
    """OpenCV's, plane by plane; it does not look into the hole."""
    mask = hole.astype(np.uint8)
    planes = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return np.stack([cv2.inpaint(plane, mask, 3, cv2.INPAINT_NS) for plane in planes]).astype(np.float32)


def _means(found: dict[str, list[float]], thin: np.ndarray) -> dict:
    """All, and apart: strokes (no pixel deeper than 10 px) and wide holes; and on what share of crops the net leads."""
    values = {name: np.array(figures) for name, figures in found.items()}
    sets = {"all": np.ones(len(thin), bool), "strokes": thin, "wide": ~thin}
    means = {
        kind: {name: round(float(figures[chosen].mean()), 2) for name, figures in values.items()}
        for kind, chosen in sets.items()
        if chosen.any()
    }
    return {**means, "leads": round(float((values["net"] > values["harmonic"]).mean()), 3)}


def _quarters(pairs: list[Values]) -> list[list[float]]:
    expected, true = np.concatenate(pairs, axis=1)
    order = np.argsort(expected)
    quarters = np.array_split(order, 4)
    return [[round(float(expected[q].mean()), 2), round(float(true[q].mean()), 2)] for q in quarters]
