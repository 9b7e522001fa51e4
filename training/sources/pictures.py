"""The sample pictures that imaging packages carry, found where those are installed; none is copied into the project.

============== =============================== =============================================================
package        installed by                    pictures and licence
============== =============================== =============================================================
scikit-image   pip                             `skimage/data`: public domain, CC0 or CC BY (its README.txt)
scikit-learn   pip                             china.jpg, flower.jpg: CC BY (its README.txt)
matplotlib     pip                             grace_hopper.jpg: public domain
opencv-doc     Debian's main section           `examples/data`: Apache 2.0 as packaged; its video vtest.avi too
lomiri's       Debian's main section           nine large photographs of lomiri-wallpapers-16.04: CC BY 4.0 or CC0
============== =============================== =============================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

OPENCV_FOLDER = Path("/usr/share/doc/opencv-doc/examples/data")
LEAST_SIDE_PX = 200
# For evaluation only, never for training.
HELD_OUT_NAMES = frozenset(("coffee.png rocket.jpg building.jpg butterfly.jpg leuvenA.jpg board.jpg grass.png").split())

SKIMAGE_NAMES = (
    "astronaut.png brick.png camera.png chelsea.png coffee.png coins.png grass.png gravel.png hubble_deep_field.jpg "
    "ihc.png moon.png motorcycle_left.png retina.jpg rocket.jpg page.png"
).split()
SKLEARN_NAMES = ("china.jpg", "flower.jpg")
MATPLOTLIB_NAMES = ("grace_hopper.jpg",)
OPENCV_NAMES = (
    "aero1.jpg aero3.jpg aloeL.jpg apple.jpg baboon.jpg basketball1.png board.jpg box_in_scene.png building.jpg "
    "butterfly.jpg cards.png fruits.jpg graf1.png home.jpg left01.jpg left07.jpg left13.jpg leuvenA.jpg orange.jpg "
    "rubberwhale1.png smarties.png starry_night.jpg stuff.jpg HappyFish.jpg licenseplate_motion.jpg "
    "text_defocus.jpg squirrel_cls.jpg ela_original.jpg pic2.png pic4.png pic6.png"
).split()
TRIPOD_VIDEO = "vtest.avi"
LARGE_FOLDER = Path("/usr/share/backgrounds")
LARGE_NAMES = (
    "Picture_0B_by_freespace.jpg",
    "Picture_1A_by_freespace.jpg",
    "Wine_by_Jakkub_Mede.jpg",
    "aitzgorri_by_Aitzol_Berasategi.jpg",
    "friends_by_Aitzol_Berasategi.jpg",
    "life_by_Aitzol_Berasategi.jpg",
    "picosdeeuropa_by_Aitzol_Berasategi.jpg",
    "seeding_by_Clements_Engelhardt.jpg",
    "sunset_by_Aitzol_Berasategi.jpg",
)
LARGE_HELD_OUT = frozenset({"picosdeeuropa_by_Aitzol_Berasategi.jpg"})


@dataclass(frozen=True, eq=False)
class Sample:
    """A picture. `pixels` is R'G'B', uint8 [H, W, 3]."""

    name: str
    pixels: NDArray[np.uint8]

    @property
    def is_held_out(self) -> bool:
        """Whether it is for evaluation only."""
        return self.name in HELD_OUT_NAMES | LARGE_HELD_OUT


def sample_pictures() -> list[Sample]:
    """Every sample picture that is installed here, in order of name.

    Raises:
        FileNotFoundError: none is.
    """
    found = sorted(_files(), key=lambda path: path.name)
    samples = [Sample(path.name, _read(path)) for path in found]
    if not samples:
        raise FileNotFoundError("no sample pictures: install the packages that training/README.md lists")
    return [sample for sample in samples if min(sample.pixels.shape[:2]) >= LEAST_SIDE_PX]


def large_pictures() -> list[Sample]:
    """The large photographs, thousands of px wide; empty where the package is missing."""
    paths = (LARGE_FOLDER / name for name in LARGE_NAMES)
    return [Sample(path.name, _read(path)) for path in paths if path.exists()]


def tripod_frames(num_frames: int = 200) -> list[NDArray[np.uint8]]:
    """The first frames of OpenCV's street seen from a tripod, R'G'B' uint8 [576, 768, 3]; empty where it is missing."""
    path = OPENCV_FOLDER / TRIPOD_VIDEO
    capture, frames = cv2.VideoCapture(str(path)), []
    while len(frames) < num_frames and path.exists():
        is_read, picture = capture.read()
        if not is_read:
            break
        frames.append(np.ascontiguousarray(picture[..., ::-1]))
    capture.release()
    return frames


def _files() -> Iterator[Path]:
    places = (
        (_folder("skimage") / "data", SKIMAGE_NAMES),
        (_folder("sklearn") / "datasets" / "images", SKLEARN_NAMES),
        (_folder("matplotlib") / "mpl-data" / "sample_data", MATPLOTLIB_NAMES),
        (OPENCV_FOLDER, OPENCV_NAMES),
    )
    return (folder / name for folder, names in places for name in names if (folder / name).exists())


def _folder(package: str) -> Path:
    spec = find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else Path("/nonexistent")


def _read(path: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    return np.ascontiguousarray(picture[..., ::-1])
