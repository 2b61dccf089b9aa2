# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Drawing helpers of `make_pictures.py`: mouse pointers, captions, animation, method figure and chart."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Color = tuple[int, int, int]

INK, GRAY, LIGHT, WHITE = (36, 41, 47), (110, 119, 129), (225, 228, 232), (255, 255, 255)
BLUE, ORANGE, GREEN = (0, 114, 178), (213, 94, 0), (0, 158, 115)
HERO_WIDTH = 580  # pixels of one panel
GIF_WIDTH = 600
# Outline of a mouse pointer with its tip at (0, 0), for a height of 18.
POINTER = ((0, 0), (0, 16), (4, 12.5), (6.6, 18), (9, 17), (6.6, 11.5), (11.5, 11.5))

# Labeling days and AP on COCO test-dev (paper, table 1).
COCO_POINTS = ((158.5, 33.7, "5%"), (196.7, 35.8, "10%"), (349.5, 38.0, "30%"), (502.3, 38.8, "50%"))
COCO_UNLABELED = ((44.2, 25.6, "5%"), (88.4, 30.3, "10%"), (265.2, 35.5, "30%"), (442.1, 36.8, "50%"))
COCO_ALL = ((884.2, 39.6, "all masks"),)


def with_pointers(image: Image.Image, points: Sequence[Sequence[float]], colors: Sequence[Color]) -> Image.Image:
    """Return a copy of an image with a mouse pointer and a colored disc at each point, (x, y) in its pixels."""
    image = image.copy()
    draw, unit = ImageDraw.Draw(image), image.width / 300
    for (x, y), color in zip(points, colors, strict=True):
        for radius, fill in ((5.2, WHITE), (4, color)):
            draw.circle((x, y), radius * unit, fill=fill)
        outline = [(x + dx * unit, y + dy * unit) for dx, dy in POINTER]
        draw.polygon(outline, fill=WHITE)
        draw.line([*outline, outline[0], outline[1]], fill=INK, width=round(1.1 * unit), joint="curve")
    return image


def with_labels(
    image: Image.Image, points: Sequence[Sequence[float]], labels: Sequence[str], colors: Sequence[Color]
) -> Image.Image:
    """Return a copy of an image with a label below each point, centered, on a dark shade of its color."""
    image = image.copy()
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(image.width / 24)
    for (x, y), label, color in zip(points, labels, colors, strict=True):
        half = draw.textlength(label, font) / 2 + font.size * 0.4
        x, y = min(max(x, half), image.width - half), min(y + font.size, image.height - font.size)
        box = (x - half, y - font.size * 0.75, x + half, y + font.size * 0.75)
        draw.rounded_rectangle(box, font.size * 0.4, fill=tuple(value // 3 for value in color))
        draw.text((x, y), label, fill=WHITE, font=font, anchor="mm")
    return image


def side_by_side(images: Sequence[Image.Image], captions: Sequence[str]) -> Image.Image:
    """Return images of one size in a row, each with its caption below."""
    gap, foot = 20, 54
    height = round(HERO_WIDTH * images[0].height / images[0].width)
    sheet = Image.new("RGB", (len(images) * (HERO_WIDTH + gap) - gap, height + foot), WHITE)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(32)
    for column, (image, caption) in enumerate(zip(images, captions, strict=True)):
        left = column * (HERO_WIDTH + gap)
        sheet.paste(image.resize((HERO_WIDTH, height), Image.Resampling.LANCZOS), (left, 0))
        draw.text((left + HERO_WIDTH / 2, height + foot / 2), caption, fill=INK, font=font, anchor="mm")
    return sheet


def save_gif(frames: Sequence[Image.Image], durations: Sequence[int], path: Path) -> None:
    """Write an animation of gray images with colored masks that repeats; all frames share one palette."""
    size = (GIF_WIDTH, round(GIF_WIDTH * frames[0].height / frames[0].width))
    small = [frame.resize(size, Image.Resampling.LANCZOS) for frame in frames]
    # The palette holds grays for the image, and colors for the masks, each of which counts once whatever its area.
    pixels = np.unique(np.concatenate([np.asarray(frame).reshape(-1, 3) for frame in small]) // 8 * 8 + 4, axis=0)
    colored = pixels[np.ptp(pixels, axis=1) > 24]
    grays = np.linspace(0, 255, 64).round().astype(int).repeat(3)
    palette = Image.new("P", (1, 1))
    palette.putpalette([*grays.tolist(), *Image.fromarray(colored[None]).quantize(190).getpalette()])
    quantized = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in small]
    quantized[0].save(path, save_all=True, append_images=quantized[1:], duration=list(durations), loop=0, optimize=True)


def method(panels: Sequence[Image.Image]) -> Image.Image:
    """Return the figure of the method: teacher, points, rough masks, MaskRefineNet, student.

    Args:
        panels: image, points, rough masks, refined masks and ground truth of one square image.
    """
    sheet = Image.new("RGB", (1640, 660), WHITE)
    draw, font, small = ImageDraw.Draw(sheet), ImageFont.load_default(30), ImageFont.load_default(24)

    def thumbnail(center: tuple[int, int], panel: Image.Image, title: str, detail: str = "") -> None:
        picture = panel.resize((220, 220), Image.Resampling.LANCZOS)
        sheet.paste(picture, (center[0] - 110, center[1] - 110))
        draw.text((center[0], center[1] + 130), title, fill=INK, font=small, anchor="mm")
        draw.text((center[0], center[1] + 158), detail, fill=GRAY, font=small, anchor="mm")

    def box(center: tuple[int, int], title: str, detail: str, color: Color) -> None:
        (x, y), fill = center, tuple(255 - (255 - value) // 8 for value in color)
        draw.rounded_rectangle((x - 125, y - 58, x + 125, y + 58), 18, fill=fill, outline=color, width=4)
        draw.text((x, y - 15), title, fill=INK, font=font, anchor="mm")
        draw.text((x, y + 22), detail, fill=GRAY, font=small, anchor="mm")

    def arrow(*corners: tuple[int, int]) -> None:
        (x, y), (before_x, before_y) = corners[-1], corners[-2]
        dx, dy = (x > before_x) - (x < before_x), (y > before_y) - (y < before_y)
        back = (x - 16 * dx, y - 16 * dy)
        draw.line([*corners[:-1], back], fill=GRAY, width=5, joint="curve")
        draw.polygon(
            [(x, y), (back[0] + 11 * dy, back[1] + 11 * dx), (back[0] - 11 * dy, back[1] - 11 * dx)], fill=GRAY
        )

    top, bottom = 140, 480
    thumbnail((120, top), panels[4], "few images", "with masks")
    thumbnail((120, bottom), panels[1], "many images", "with points")
    thumbnail((830, bottom), panels[2], "rough masks")
    thumbnail((1490, bottom), panels[3], "pseudo labels")
    box((480, bottom), "teacher", "SOLOv2", BLUE)
    box((1160, bottom), "refiner", "MaskRefineNet", GREEN)
    box((1490, top), "student", "SOLOv2", ORANGE)
    arrow((240, top), (1365, top))
    arrow((480, top), (480, bottom - 58))
    arrow((1160, top), (1160, bottom - 58))
    for left, right in ((240, 355), (605, 720), (940, 1035), (1285, 1380)):
        arrow((left, bottom), (right, bottom))
    arrow((1490, bottom - 110), (1490, top + 58))
    draw.text((300, top - 26), "train", fill=GRAY, font=small, anchor="lm")
    draw.text((1510, (top + bottom) // 2 - 26), "train", fill=GRAY, font=small, anchor="lm")
    return sheet


def chart() -> Image.Image:
    """Return AP against labeling days on COCO, as published."""
    sheet = Image.new("RGB", (1300, 760), WHITE)
    coco = ((COCO_POINTS, ORANGE), (COCO_UNLABELED, BLUE), (COCO_ALL, INK))
    _axes(sheet, "COCO test-dev (published in the paper)", (950, 200), (24, 42), coco)
    draw, font, x = ImageDraw.Draw(sheet), ImageFont.load_default(26), 110
    names = (("some masks, points on the rest", ORANGE), ("some masks, no points", BLUE), ("masks on all images", INK))
    for name, color in names:
        draw.circle((x, 730), 10, fill=color)
        draw.text((x + 22, 730), name, fill=INK, font=font, anchor="lm")
        x += round(draw.textlength(name, font)) + 90
    return sheet


def _axes(
    sheet: Image.Image,
    title: str,
    days: tuple[int, int],
    precision: tuple[int, int],
    series: Sequence[tuple[Sequence[tuple[float, float, str]], Color]],
) -> None:
    """Draw one chart: `days` are the limit and the step of the x axis, `precision` the limits of the y axis."""
    draw, font, small = ImageDraw.Draw(sheet), ImageFont.load_default(30), ImageFont.load_default(24)
    left, top, right, bottom = 100, 80, sheet.width - 50, 620
    low, high = precision

    def place(day: float, value: float) -> tuple[float, float]:
        return left + (right - left) * day / days[0], bottom - (bottom - top) * (value - low) / (high - low)

    draw.text(((left + right) / 2, 36), title, fill=INK, font=font, anchor="mm")
    for value in range(low, high + 1, 2):
        y = place(0, value)[1]
        draw.line((left, y, right, y), fill=LIGHT, width=2)
        draw.text((left - 14, y), str(value), fill=GRAY, font=small, anchor="rm")
    for day in range(0, days[0] + 1, days[1]):
        draw.text((place(day, 0)[0], bottom + 14), str(day), fill=GRAY, font=small, anchor="mt")
    draw.text((right, bottom + 48), "labeling days", fill=GRAY, font=small, anchor="rt")
    draw.text((left - 14, top - 30), "AP", fill=GRAY, font=small, anchor="rm")
    for points, color in series:
        places = [place(day, value) for day, value, _ in points]
        draw.line(places, fill=color, width=5, joint="curve")
        for (x, y), (_, _, label) in zip(places, points, strict=True):
            draw.circle((x, y), 11, fill=color)
            width = draw.textlength(label, small) + 30
            # Labels of the upper curve stand on its left, so that they do not cover the lower one.
            stands_left = x + width > right or (color == ORANGE and x - width > left)
            anchor, dx, dy = ("rb", -14, -6) if stands_left else ("lt", 14, 8)
            draw.text((x + dx, y + dy), label, fill=color, font=small, anchor=anchor)
