"""BlankLogo on Replicate, with Cog.

cp -r src/blanklogo requirements/runtime.lock deploy/replicate/    # from the repository's root
cd deploy/replicate && cog predict -i video=@clip.mp4
"""

import tempfile

from cog import BaseModel, BasePredictor, Input, Path

from blanklogo.errors import OptionError
from blanklogo.remover import Remover
from blanklogo.types import Order


class Output(BaseModel):
    """The clean video, and the report of docs/report.md."""

    video: Path
    report: dict


class Predictor(BasePredictor):
    def setup(self) -> None:
        """Once for each container."""
        self.remover = Remover()
        self.remover.load()

    def predict(
        self,
        video: Path = Input(description="The video"),
        mode: str = Input(
            description="auto: un-blend where the mark lets light through; inpaint: invent all; crop: cut the edge off",
            choices=["auto", "inpaint", "crop"],
            default="auto",
        ),
        platform: str = Input(
            description="Where the video came from",
            choices=[
                "none",
                "sora",
                "tiktok",
                "runway",
                "pika",
                "kling",
                "luma",
                "midjourney",
                "instagram",
                "facebook",
                "custom",
            ],
            default="none",
        ),
        box: str = Input(description="Where the mark is, in px: X,Y,W,H. Empty: it is searched for", default=""),
    ) -> Output:
        """Takes the mark out."""
        self.folder = tempfile.TemporaryDirectory()  # the one before goes, and its video, which Cog has sent by now
        target = f"{self.folder.name}/clean{video.suffix or '.mp4'}"
        order = {
            "source": str(video),
            "target": target,
            "mode": mode,
            "platform": None if platform == "none" else platform,
            "boxes": [corners(box)] if box else [],
        }
        for message in self.remover.run(Order.from_dict(order)):
            if message["type"] == "result":
                return Output(video=Path(target), report=message["report"])
            print(*message.values(), flush=True)  # Replicate shows it as the prediction's log
        raise AssertionError("a removal ends with its result")


def corners(box: str) -> list[int]:
    """[x0, y0, x1, y1] of "X,Y,W,H"."""
    try:
        x, y, width, height = (int(part) for part in box.split(","))
    except ValueError:
        raise OptionError(f"box {box!r}", accepted="X,Y,W,H in px, such as 24,18,180,64") from None
    return [x, y, x + width, y + height]
