"""Marks of every kind that people burn in: words, handles, icons, shapes, time stamps, and their combinations.

Here is their form; their colours, outlines, shadows and plates are in `paint`.
"""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw

from training.sources.fonts import Font, has_glyph, icon_fonts, word_fonts
from training.sources.paint import Coverage, DrawnMark, extent, painted, rounded

SYLLABLES = (
    "al an ber bo ca clip da del ed el fa fi ga go hi in ja ka lo lu ma me mo na neo nor on pa pix ra ri sa so ta "
    "ti tok um ve vi vid wa xo yo za zen"
).split()
ICON_RANGES = {
    "fontawesome-webfont": (0xF000, 0xF2E0),
    "materialdesignicons-webfont": (0xF101, 0xF700),
    "Symbola": (0x25A0, 0x26C3),
}
SHARE_STRONGEST = 0.2  # of marks: as opaque as they may be, as many logos are wholly
KINDS = (
    *("word",) * 4,
    *("icon_word",) * 4,
    "icon",
    "icon",
    "two_lines",
    "two_lines",
    "stamp",
    "stamp",
    "badge",
    "shapes",
)


def draw_mark(
    rng: np.random.Generator, height_px: float, *, opacity: tuple[float, float] = (0.25, 1.0), held_out: bool = False
) -> DrawnMark:
    """A mark whose words or icon are about `height_px` high, drawn anew.

    Args:
        opacity: the range that its opacity is drawn from; one in five has the upper end.
        held_out: with the fonts that are kept for evaluation, or with the others.
    """
    kind = str(rng.choice(KINDS))
    coverage = _drawn(kind, rng, held_out)
    factor = height_px / coverage.shape[0]
    strength = opacity[1] if rng.random() < SHARE_STRONGEST else float(rng.uniform(*opacity))
    return painted(coverage, factor, strength, rng, may_have_plate=kind != "badge")


def words(rng: np.random.Generator, least: int = 2, most: int = 4) -> str:
    """A made-up word."""
    word = "".join(rng.choice(SYLLABLES, int(rng.integers(least, most + 1))))
    return str(rng.choice([word, word.upper(), word.capitalize()]))


def text_coverage(text: str, font: Font, height_px: int = 96) -> Coverage:
    """Words in a font, cut tight, float32 [h, w] in [0, 1]; at least one pixel."""
    drawn = font.at(height_px)
    left, top, right, bottom = (round(v) for v in drawn.getbbox(text))
    picture = Image.new("L", (max(1, right - left), max(1, bottom - top)))
    ImageDraw.Draw(picture).text((-left, -top), text, fill=255, font=drawn)
    return _tight(np.asarray(picture, np.float32) / 255)


def pick_font(rng: np.random.Generator, held_out: bool) -> Font:
    fonts = [font for font in word_fonts() if font.is_held_out == held_out] or list(word_fonts())
    families = sorted({font.family for font in fonts})
    family = families[int(rng.integers(len(families)))]
    mine = [font for font in fonts if font.family == family]
    return mine[int(rng.integers(len(mine)))]


def _drawn(kind: str, rng: np.random.Generator, held_out: bool) -> Coverage:
    if kind == "icon":
        return pictogram(rng, held_out)
    if kind == "shapes":
        return _shapes(rng)
    if kind == "stamp":
        return text_coverage(_stamp_text(rng), pick_font(rng, held_out))
    if kind == "badge":
        return _badge(rng, held_out)
    first = text_coverage(_mark_text(rng), pick_font(rng, held_out))
    if kind == "two_lines":
        second = text_coverage("@" + words(rng).lower(), pick_font(rng, held_out))
        return _below(first, _scaled_to_height(second, first.shape[0] * rng.uniform(0.45, 0.8)), rng)
    if kind == "icon_word":
        icon = pictogram(rng, held_out) if rng.random() < 0.7 else _shapes(rng)
        icon = _scaled_to_height(icon, first.shape[0] * rng.uniform(0.9, 1.8))
        return _beside(icon, first, rng) if rng.random() < 0.75 else _below(icon, first, rng)
    return first


def _mark_text(rng: np.random.Generator) -> str:
    text = words(rng)
    kind = rng.random()
    if kind < 0.2:
        return "@" + text.lower()
    if kind < 0.3:
        return f"{text} {words(rng, 1, 2)}"
    if kind < 0.38:
        return f"{text}.{rng.choice(['com', 'tv', 'net', 'io', 'ai'])}".lower()
    if kind < 0.45:
        return f"{text[:3].upper()} {rng.integers(1, 99)}"
    if kind < 0.5:
        return f"\N{COPYRIGHT SIGN} {text}"
    return text


def _stamp_text(rng: np.random.Generator) -> str:
    day, month, year = rng.integers(1, 29), rng.integers(1, 13), rng.integers(1995, 2030)
    hour, minute, second = rng.integers(24), rng.integers(60), rng.integers(60)
    date = str(
        rng.choice([f"{year}-{month:02d}-{day:02d}", f"{day:02d}.{month:02d}.{year}", f"{month:02d}/{day:02d}/{year}"])
    )
    time = str(rng.choice([f"{hour:02d}:{minute:02d}:{second:02d}", f"{hour % 12 + 1}:{minute:02d} PM"]))
    return str(rng.choice([date, time, f"{date} {time}"], p=[0.25, 0.25, 0.5]))


def pictogram(rng: np.random.Generator, held_out: bool) -> Coverage:
    """A pictogram of the icon fonts, or a few shapes where none fits."""
    fonts = icon_fonts()
    for _ in range(8):
        if not fonts:
            break
        font = fonts[int(rng.integers(len(fonts)))]
        low, high = ICON_RANGES[font.path.stem]
        code = int(rng.integers(low, high))
        if (code % 5 == 0) != held_out:  # every fifth icon is kept for evaluation
            continue
        if not has_glyph(font, code):
            continue
        coverage = text_coverage(chr(code), font)
        height, width = coverage.shape
        if 0.05 < coverage.mean() < 0.97 and 0.4 < width / height < 2.5 and height > 20:
            return coverage
    return _shapes(rng)


def _shapes(rng: np.random.Generator) -> Coverage:
    """A few rings, discs, bars and polygons, added and cut out."""
    size = 120
    canvas = np.zeros((size, size), np.uint8)
    for index in range(int(rng.integers(2, 6))):
        value = 255 if index == 0 or rng.random() < 0.6 else 0
        centre = tuple(int(v) for v in rng.integers(size // 4, 3 * size // 4, 2))
        radius = int(rng.integers(size // 10, size // 3))
        match int(rng.integers(4)):
            case 0:
                cv2.circle(canvas, centre, radius, value, -1, cv2.LINE_AA)
            case 1:
                cv2.circle(canvas, centre, radius, value, int(rng.integers(5, 14)), cv2.LINE_AA)
            case 2:
                angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 7))))
                corners = np.stack([np.cos(angles), np.sin(angles)], 1) * radius + centre
                cv2.fillPoly(canvas, [np.rint(corners).astype(np.int32)], value, cv2.LINE_AA)
            case _:
                other = tuple(int(v) for v in rng.integers(size // 8, 7 * size // 8, 2))
                cv2.line(canvas, centre, other, value, int(rng.integers(6, 18)), cv2.LINE_AA)
    return _tight(canvas.astype(np.float32) / 255)


def _badge(rng: np.random.Generator, held_out: bool) -> Coverage:
    """A plate with words cut out of it."""
    text = text_coverage(_mark_text(rng), pick_font(rng, held_out))
    rim = int(text.shape[0] * rng.uniform(0.25, 0.6))
    height, width = text.shape[0] + 2 * rim, text.shape[1] + 2 * rim
    coverage = rounded(height, width, int(rng.integers(0, height // 2)))
    coverage[rim : rim + text.shape[0], rim : rim + text.shape[1]] *= 1 - text
    return coverage


def _beside(left: Coverage, right: Coverage, rng: np.random.Generator) -> Coverage:
    return _below(left.T, right.T, rng).T


def _below(above: Coverage, below: Coverage, rng: np.random.Generator) -> Coverage:
    """One over the other, middles in line."""
    gap = int(min(above.shape[0], below.shape[0]) * rng.uniform(0.1, 0.45)) + 1
    width = max(above.shape[1], below.shape[1])
    canvas = np.zeros((above.shape[0] + gap + below.shape[0], width), np.float32)
    for part, top in ((above, 0), (below, above.shape[0] + gap)):
        left = (width - part.shape[1]) // 2
        canvas[top : top + part.shape[0], left : left + part.shape[1]] = part
    return canvas


def _scaled_to_height(coverage: Coverage, height_px: float) -> Coverage:
    factor = max(1.0, height_px) / coverage.shape[0]
    size = (max(1, round(coverage.shape[1] * factor)), max(1, round(coverage.shape[0] * factor)))
    return np.asarray(cv2.resize(coverage, size, interpolation=cv2.INTER_AREA), np.float32)


def _tight(coverage: Coverage) -> Coverage:
    tight = coverage[extent(coverage, 0.02)]
    return tight if tight.size else np.ones((8, 8), np.float32)
