"""Fonts to write marks with: those of Debian's packages and matplotlib's, kept apart by family for evaluation."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

FOLDERS = (Path("/usr/share/fonts"),)
HELD_OUT_PERCENT = 20  # of the families
# Families of no use for words: letters that are not Latin, none at all, or keys with letters on them.
LATIN_NOTO = ("NotoSans-", "NotoSerif-", "NotoSansDisplay-", "NotoSerifDisplay-", "NotoSansMono-")
NOT_WORDS = tuple(
    (
        "lastresort stixsiz stixnonuni cmex cmsy cmmi d050000l standardsymbols fontawesome materialdesign symbola z003 "
        "notocoloremoji ancient linbiolinum_k"
    ).split()
)
LETTERS = "AXgq09@:"  # a font of a few glyphs draws one and the same box for those that it lacks
UNASSIGNED = "\U000effff"  # no font has it
ICON_NAMES = ("fontawesome-webfont", "materialdesignicons-webfont", "Symbola")


@dataclass(frozen=True)
class Font:
    """A font file. `family` is its name up to the first hyphen, lower case."""

    path: Path

    @property
    def family(self) -> str:
        return self.path.stem.split("-")[0].lower()

    @property
    def is_held_out(self) -> bool:
        return zlib.crc32(self.family.encode()) % 100 < HELD_OUT_PERCENT

    def at(self, height_px: int) -> ImageFont.FreeTypeFont:
        return ImageFont.truetype(str(self.path), height_px)


@lru_cache(maxsize=1)
def word_fonts() -> tuple[Font, ...]:
    """Fonts with Latin letters, in order of name."""
    return tuple(Font(path) for path in _font_files() if _holds_words(path))


@lru_cache(maxsize=1)
def icon_fonts() -> tuple[Font, ...]:
    """Fonts of pictograms; empty where none is installed."""
    return tuple(Font(path) for path in _font_files() if path.stem in ICON_NAMES)


def has_glyph(font: Font, code: int) -> bool:
    """Whether the font draws this character, or only the box that stands for what it lacks."""
    return _pixels(font, chr(code)) != _pixels(font, UNASSIGNED)


def _font_files() -> list[Path]:
    spec = find_spec("matplotlib")
    own = [Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"] if spec and spec.origin else []
    files = [path for folder in (*FOLDERS, *own) for kind in ("ttf", "otf") for path in folder.rglob(f"*.{kind}")]
    return sorted({path.stem: path for path in files}.values(), key=lambda path: path.name)


def _holds_words(path: Path) -> bool:
    name = path.stem
    if name.startswith("Noto") and not name.startswith(LATIN_NOTO):
        return False
    return not name.lower().replace("-", "").startswith(NOT_WORDS) and _tells_letters(Font(path))


def _tells_letters(font: Font) -> bool:
    return len({_pixels(font, letter) for letter in LETTERS}) == len(LETTERS)


def _pixels(font: Font, letter: str) -> bytes:
    picture = Image.new("L", (40, 40))
    ImageDraw.Draw(picture).text((8, 8), letter, fill=255, font=font.at(20))
    return picture.tobytes()
