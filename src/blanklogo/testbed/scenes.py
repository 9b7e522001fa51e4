"""Moving backgrounds made by formula: seeded, lazily, one frame at a time.

======== ================================================================= =======================================
kind     what is seen                                                      what it asks of a removal
======== ================================================================= =======================================
walk     a hand-held camera wanders over a textured world, things pass by  many backgrounds behind the mark
cuts     shots of 1 to 3 s, some still, some panning                       a cut must not count as motion
tripod   a still camera, something walks through, sensor grain             next to no evidence behind the mark
wall     a still camera before bricks                                      nothing to learn, nothing to invent from
hike     a camera pans over hills and a meadow                             rough and smooth content side by side
sky      a slow pan over clouds and a skyline                              flat content, where inpainting is unbeatable
captions shots of 1 to 2 s with changing lines of text                     text that is not a mark
======== ================================================================= =======================================
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.errors import OptionError
from blanklogo.testbed import scenery
from blanklogo.testbed.clips import Planes

KINDS = ("walk", "cuts", "tripod", "wall", "sky", "captions", "hike")
_WORDS = ["the", "river", "bends", "low", "under", "stone", "bridges", "while", "early", "light", "finds", "windows"]


@dataclass(frozen=True)
class Scene:
    """A generated clip; the same arguments give the same frames, bit for bit.

    Raises:
        OptionError: no such kind, or a size that is odd or too small to hold anything.
    """

    kind: str
    width_px: int = 640
    height_px: int = 360
    num_frames: int = 120
    seed: int = 1
    rate: Fraction = Fraction(25)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise OptionError(f"scene {self.kind!r}", accepted=", ".join(KINDS))
        if self.width_px % 2 or self.height_px % 2 or min(self.width_px, self.height_px) < 32:
            raise OptionError(f"scene size {self.width_px}x{self.height_px}", accepted="even sizes of 32 px or more")
        if self.num_frames < 1:
            raise OptionError(f"{self.num_frames} frames", accepted="1 or more")

    @property
    def name(self) -> str:
        return self.kind if self.seed == 1 else f"{self.kind}{self.seed}"

    def frames(self) -> Iterator[Planes]:
        rng = np.random.default_rng([self.seed, KINDS.index(self.kind)])
        grain = _Grain(self.height_px, self.width_px, sigma=1.6, rng=rng)
        for shot in _shots(self, rng):
            for index in range(shot.num_frames):
                yield grain.added(shot.frame(index))


@dataclass(frozen=True, eq=False)
class _World:
    """A picture larger than the frame, as float planes, and the things that pass in front of it."""

    planes: tuple[NDArray[np.float32], ...]
    passers: tuple[_Passer, ...] = ()


@dataclass(frozen=True, eq=False)
class _Passer:
    """A textured shape that moves on its own: alpha and planes [h, w], chroma at half size."""

    alpha: NDArray[np.float32]
    planes: tuple[NDArray[np.float32], ...]
    start_px: tuple[float, float]
    speed_px: tuple[float, float]


@dataclass(frozen=True, eq=False)
class _Shot:
    """One camera over one world. The camera's path is a drift that turns round at the world's ends, plus shake."""

    world: _World
    size_px: tuple[int, int]  # width, height
    num_frames: int
    speed_px: tuple[float, float]
    shake_px: float
    phases: tuple[float, ...]
    caption: NDArray[np.float32] | None = None

    def frame(self, index: int) -> list[NDArray[np.float32]]:
        width, height = self.size_px
        x, y = self._camera(index)
        planes = [_window(plane, x, y, width, height, 1 + (k > 0)) for k, plane in enumerate(self.world.planes)]
        for passer in self.world.passers:
            _pass_by(planes, passer, index, (width, height))
        if self.caption is not None:
            planes[0] = planes[0] * (1 - self.caption) + 235 * self.caption
        return planes

    def _camera(self, index: int) -> tuple[float, float]:
        width, height = self.size_px
        room = (self.world.planes[0].shape[1] - width, self.world.planes[0].shape[0] - height)
        at = []
        for axis in range(2):
            shake = sum(np.sin(index * f + self.phases[axis * 2 + k]) for k, f in enumerate((0.13, 0.31)))
            inner = max(room[axis] - 8 - 4 * self.shake_px, 1)
            way = (self.phases[axis] * inner / 6.3 + self.speed_px[axis] * index) % (2 * inner)
            at.append(4 + 2 * self.shake_px + min(way, 2 * inner - way) + self.shake_px * shake)
        return min(max(at[0], 0), room[0]), min(max(at[1], 0), room[1])


class _Grain:
    """Sensor noise: a tile larger than the frame, cut at a new place for each frame."""

    def __init__(self, height_px: int, width_px: int, sigma: float, rng: np.random.Generator) -> None:
        self.rng = rng
        noise = rng.normal(0, sigma, (height_px + 64, width_px + 64)).astype(np.float32)
        self.tiles = [noise, 0.6 * noise[: height_px // 2 + 64, : width_px // 2 + 64]]

    def added(self, planes: list[NDArray[np.float32]]) -> Planes:
        noisy = []
        for index, plane in enumerate(planes):
            y, x = self.rng.integers(64, size=2)
            noise = self.tiles[index > 0][y : y + plane.shape[0], x : x + plane.shape[1]]
            noisy.append(np.clip(np.rint(plane + noise), 0, 255).astype(np.uint8))
        return noisy[0], noisy[1], noisy[2]


def _shots(scene: Scene, rng: np.random.Generator) -> Iterator[_Shot]:
    """The shots of a scene, each built when its turn comes."""
    if scene.kind in ("cuts", "captions"):
        left = scene.num_frames
        longest_seconds = 2 if scene.kind == "captions" else 3  # words that stay for most of a clip are a mark
        while left > 0:
            length = min(left, int(rng.integers(round(scene.rate), longest_seconds * round(scene.rate))))
            yield _cut_shot(scene, length, rng)
            left -= length
        return
    yield _BUILDERS[scene.kind](scene, rng)


def _world_size(scene: Scene, factor: float) -> tuple[int, int]:
    """(height, width) of a world this many times the frame, even."""
    return int(scene.height_px * factor) // 2 * 2, int(scene.width_px * factor) // 2 * 2


def _walk_shot(scene: Scene, rng: np.random.Generator) -> _Shot:
    picture = scenery.dead_leaves(*_world_size(scene, 2), rng)
    world = _World(scenery.to_float_planes(picture), _passers(scene, rng, 2))
    return _shot(scene, world, scene.num_frames, rng, speed=scene.width_px / 200, shake=scene.width_px / 160)


def _tripod_shot(scene: Scene, rng: np.random.Generator) -> _Shot:
    picture = scenery.dead_leaves(scene.height_px, scene.width_px, rng)
    world = _World(scenery.to_float_planes(picture), _passers(scene, rng, 1))
    return _shot(scene, world, scene.num_frames, rng, speed=0, shake=0)


def _wall_shot(scene: Scene, rng: np.random.Generator) -> _Shot:
    world = _World(
        scenery.to_float_planes(scenery.weave(scene.height_px, scene.width_px, rng)), _passers(scene, rng, 1)
    )
    return _shot(scene, world, scene.num_frames, rng, speed=0, shake=0)


def _sky_shot(scene: Scene, rng: np.random.Generator) -> _Shot:
    picture = scenery.sky(scene.height_px + 8, _world_size(scene, 2)[1], rng)
    return _shot(scene, _World(scenery.to_float_planes(picture)), scene.num_frames, rng, scene.width_px / 300, 0.5)


def _hike_shot(scene: Scene, rng: np.random.Generator) -> _Shot:
    height, width = _world_size(scene, 1.2)[0], _world_size(scene, 2.4)[1]
    world = _World(scenery.to_float_planes(scenery.landscape(height, width, rng)))
    return _shot(scene, world, scene.num_frames, rng, speed=scene.width_px / 220, shake=scene.width_px / 300)


_BUILDERS = {"walk": _walk_shot, "tripod": _tripod_shot, "wall": _wall_shot, "sky": _sky_shot, "hike": _hike_shot}


def _cut_shot(scene: Scene, num_frames: int, rng: np.random.Generator) -> _Shot:
    moves = rng.random() < 0.7
    picture = scenery.dead_leaves(*_world_size(scene, 1.4), rng)
    world = _World(scenery.to_float_planes(picture), _passers(scene, rng, 1))
    speed = scene.width_px / 180 * moves
    caption = _caption(scene, rng) if scene.kind == "captions" else None
    return _shot(scene, world, num_frames, rng, speed, 1.0 * moves, caption)


def _shot(
    scene: Scene,
    world: _World,
    num_frames: int,
    rng: np.random.Generator,
    speed: float,
    shake: float,
    caption: NDArray[np.float32] | None = None,
) -> _Shot:
    angle = rng.uniform(0, 2 * np.pi)
    velocity = (speed * abs(float(np.cos(angle))) + 0.3 * speed, speed * 0.6 * float(np.sin(angle)))
    phases = tuple(float(p) for p in rng.uniform(0, 2 * np.pi, 4))
    return _Shot(world, (scene.width_px, scene.height_px), num_frames, velocity, shake, phases, caption)


def _passers(scene: Scene, rng: np.random.Generator, count: int) -> tuple[_Passer, ...]:
    return tuple(_passer(scene, rng) for _ in range(count))


def _passer(scene: Scene, rng: np.random.Generator) -> _Passer:
    """A walker: a head on a body, textured, crossing the frame from side to side and coming round again."""
    height = int(scene.height_px * rng.uniform(0.45, 0.7)) // 2 * 2
    width = int(height * 0.5) // 2 * 2
    alpha = np.zeros((height, width), np.float32)
    cv2.ellipse(alpha, (width // 2, int(height * 0.62)), (int(width * 0.42), int(height * 0.36)), 0, 0, 360, 1.0, -1)
    cv2.circle(alpha, (width // 2, int(height * 0.16)), int(width * 0.24), 1.0, -1)
    alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), 1.0), np.float32)
    planes = scenery.to_float_planes(scenery.dead_leaves(height, width, rng))
    start = (float(rng.uniform(-width, scene.width_px)), scene.height_px - height * float(rng.uniform(0.85, 1.05)))
    return _Passer(alpha, planes, start, (float(rng.choice([-1, 1])) * scene.width_px / rng.uniform(90, 200), 0.0))


def _window(plane: NDArray, x: float, y: float, width: int, height: int, step: int) -> NDArray[np.float32]:
    """The frame's part of a world's plane at a sub-pixel place."""
    size = (width // step, height // step)
    if float(x).is_integer() and float(y).is_integer() and x % step == y % step == 0:
        left, top = int(x) // step, int(y) // step
        return plane[top : top + size[1], left : left + size[0]]
    matrix = np.array([[1, 0, x / step], [0, 1, y / step]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(plane, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _pass_by(planes: list[NDArray[np.float32]], passer: _Passer, index: int, size_px: tuple[int, int]) -> None:
    """Lay a passer over the planes, in place of them, at its place in this frame."""
    height, width = passer.alpha.shape
    loop = size_px[0] + 2 * width
    x = (passer.start_px[0] + width + passer.speed_px[0] * index) % loop - width
    y = passer.start_px[1] + 2 * np.sin(index * 0.35)
    half = cv2.resize(passer.alpha, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    for k, plane in enumerate(planes):
        step = 1 + (k > 0)
        matrix = np.array([[1, 0, x / step], [0, 1, y / step]], np.float32)
        shape = (plane.shape[1], plane.shape[0])
        mask = cv2.warpAffine(passer.alpha if k == 0 else half, matrix, shape)
        planes[k] = plane + mask * (cv2.warpAffine(passer.planes[k], matrix, shape) - plane)


def _caption(scene: Scene, rng: np.random.Generator) -> NDArray[np.float32]:
    """One or two lines of words in the lower third, float32 [H, W] in [0, 1]."""
    picture = np.zeros((scene.height_px, scene.width_px), np.uint8)
    scale = scene.height_px / 600
    for line in range(int(rng.integers(1, 3))):
        words = " ".join(rng.choice(_WORDS, 5))
        x = int(rng.uniform(0.06, 0.2) * scene.width_px)
        y = int((0.84 + 0.08 * line) * scene.height_px)
        cv2.putText(picture, words, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, max(1, round(2 * scale)), cv2.LINE_AA)
    return (picture / 255).astype(np.float32)
