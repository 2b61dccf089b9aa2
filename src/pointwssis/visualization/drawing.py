# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Drawings of points, masks and pyramid levels, and contact sheets of them.

All functions take and return PIL images. Small images are enlarged by an integer factor, so that pixels stay visible.
Colors are distinguishable for color-blind readers (Okabe and Ito's palette, then lighter and darker variants).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..data.schema import objects_with_mask, objects_with_point
from ..ops.coco_masks import RLE, decode_rle
from ..ops.images import read_image

Color = tuple[int, int, int]

PALETTE: tuple[Color, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
LEVEL_NAMES = ("P2", "P3", "P4", "P5", "P6")
LEVEL_COLORS: tuple[Color, ...] = ((240, 228, 66), (86, 180, 233), (0, 158, 115), (213, 94, 0), (204, 121, 167))
UNKNOWN_COLOR: Color = (150, 150, 150)
PANEL_TITLES = ("image", "points", "rough masks", "refined masks", "ground truth")
PANEL_OPACITY = 0.35  # of the fillings, so that the image shows through
PANEL_OUTLINE = 2  # width of the outlines in pixels of a panel whose longer side is MIN_SIDE
MAX_SIDE = 4096  # no image becomes longer by being enlarged, in pixels
MIN_SIDE = 256  # images with a shorter side below this, in pixels, are enlarged
LABELS_PER_SIDE, MIN_LABEL = 48, 10  # lines of text that would fill the shorter side; least height in pixels


def instance_colors(count: int) -> list[Color]:
    """Return `count` colors; neighbors in the list differ clearly.

    Example:
        >>> instance_colors(8)[7] != instance_colors(8)[0]
        True
    """
    colors = []
    for index in range(count):
        # After the palette is used up, its colors repeat in a lighter, then a darker variant.
        turn, base = divmod(index, len(PALETTE))
        target, amount = ((0, 0.0), (255, 0.45), (0, 0.4))[turn % 3]  # unchanged, lighter, darker
        colors.append(tuple(round(value + amount * (target - value)) for value in PALETTE[base]))
    return colors


class MaskPart(NamedTuple):
    """A mask in the smallest window that shows its outline: with a pixel around it, where the image has one."""

    pixels: np.ndarray  # (h, w) bool inside the window
    left: int  # first column of the window
    top: int  # first row of the window
    corner: tuple[int, int]  # first column and first row with foreground
    area: int  # pixels, 0 for an empty mask


def draw_instances(
    image: Image.Image,
    masks: np.ndarray | Sequence[np.ndarray | RLE],
    labels: Sequence[str] | None = None,
    points: np.ndarray | Sequence[Sequence[float]] | None = None,
    colors: Sequence[Color] | None = None,
    opacity: float = 0.5,
    min_side: int = MIN_SIDE,
    outline_width: int | None = None,
) -> Image.Image:
    """Draw masks with outlines over an image, large ones first, so that small ones stay visible.

    Args:
        image: any size.
        masks: (n, H, W) bool, or n RLEs, in the image's frame; n may be 0.
        labels: n texts beside the masks.
        points: (m, 2), (x, y) in pixels of the image.
        colors: n colors of the masks, and of the points if m = n.
        opacity: opacity of the filling, 0 to 1.
        min_side: enlarge the image to at least this shorter side, in pixels, as far as its longer side does not exceed
            `MAX_SIDE`; 0 keeps its size.
        outline_width: width of the outlines in pixels of the drawing; None takes half a pixel of the image.

    Raises:
        ValueError: a mask has another size than the image.
    """
    # Draw on the enlarged image, so that outlines can be finer than a pixel of the original.
    parts = [_part(mask, index, image) for index, mask in enumerate(masks)]
    colors = instance_colors(len(parts)) if colors is None else colors
    canvas, factor = _enlarged(image, min_side)
    pixels = np.array(canvas)  # whole numbers: an image of 100 megapixels would take gigabytes as floats

    # Blend each mask into the picture and draw its outline; labels and points come on top.
    for index in sorted(range(len(parts)), key=lambda i: -parts[i].area):
        # Enlarge the mask like the image, blend its color in, and draw the outline opaque.
        mask = parts[index].pixels.repeat(factor, axis=0).repeat(factor, axis=1)
        left, top = parts[index].left * factor, parts[index].top * factor
        window = pixels[top : top + mask.shape[0], left : left + mask.shape[1]]
        color = np.array(colors[index], dtype=np.float32)
        covered = window[mask].astype(np.float32)
        window[mask] = np.rint(covered + opacity * (color - covered)).astype(np.uint8)
        window[_inner_edge(mask, outline_width or max(1, factor // 2))] = color
    # Texts and points come last, so that no mask covers them.
    canvas = Image.fromarray(pixels)
    if labels is not None:
        _write_labels(canvas, parts, labels, factor)
    if points is not None:
        canvas = _marked(canvas, points, colors, factor)
    return canvas


def draw_points(
    image: Image.Image,
    points: np.ndarray | Sequence[Sequence[float]],
    colors: Sequence[Color] | None = None,
    min_side: int = MIN_SIDE,
) -> Image.Image:
    """Draw points as discs with a dark and a light rim, visible on any background.

    Args:
        image: any size.
        points: (n, 2), (x, y) in pixels of the image; (0, 0) is the center of the first pixel.
        colors: n colors.
        min_side: minimum of the shorter side in pixels, as in `draw_instances`.
    """
    canvas, factor = _enlarged(image, min_side)
    return _marked(canvas, points, instance_colors(len(points)) if colors is None else colors, factor)


def draw_level_map(
    image: Image.Image,
    masks: np.ndarray | Sequence[np.ndarray],
    levels: Sequence[int | None],
    min_side: int = MIN_SIDE,
) -> Image.Image:
    """Draw masks in the color of their pyramid level (paper, figure 4) on a gray image, with a legend below.

    Args:
        image: any size.
        masks: (n, H, W) bool in the image's frame.
        levels: n levels, 0 for P2 to 4 for P6; None is gray.
        min_side: minimum of the shorter side in pixels, as in `draw_instances`.
    """
    colors = [UNKNOWN_COLOR if level is None else LEVEL_COLORS[level] for level in levels]
    drawn = draw_instances(image.convert("L"), masks, colors=colors, opacity=0.6, min_side=min_side)
    # Add a strip below the drawing, wide enough for the legend.
    font = _font(13)
    sheet = Image.new("RGB", (max(drawn.width, 210), drawn.height + 24), (255, 255, 255))
    sheet.paste(drawn)
    draw = ImageDraw.Draw(sheet)
    for index, (name, color) in enumerate(zip(LEVEL_NAMES, LEVEL_COLORS, strict=True)):
        left, top = 6 + index * 40, drawn.height + 6
        draw.rectangle((left, top, left + 12, top + 12), fill=color, outline=(0, 0, 0))
        draw.text((left + 16, top + 6), name, fill=(0, 0, 0), font=font, anchor="lm")
    return sheet


def contact_sheet(
    rows: Iterable[Sequence[Image.Image | None]],
    titles: Sequence[str] = (),
    row_titles: Sequence[str] = (),
    cell_size: int = MIN_SIDE,
) -> Image.Image:
    """Arrange images in a table on white; each is fitted into a cell, and a row is as high as its highest image.

    Args:
        rows: lists of images, one per column; None is written as "none". A generator holds one row of large images at
            a time in memory.
        titles: one title per column.
        row_titles: one title per row, written above it.
        cell_size: longer side of the images in pixels.

    Raises:
        ValueError: there is no image.
    """
    cells, heights = [], []
    for row in rows:
        images = [None if image is None else fitted(image, cell_size) for image in row]
        cells.append(images)
        heights.append(max((image.height for image in images if image is not None), default=40))
    columns = max((len(row) for row in cells), default=0)
    if not columns:
        raise ValueError("contact_sheet got no images; expected at least one row with one image")
    gap, head, strip = 6, 24 * bool(titles), 18 * bool(row_titles)
    size = (columns * (cell_size + gap) + gap, head + sum(heights) + len(cells) * (gap + strip) + gap)
    sheet = Image.new("RGB", size, (255, 255, 255))
    draw, top = ImageDraw.Draw(sheet), head + gap

    # Titles of the columns, then row by row its title and its images.
    for column, title in enumerate(titles):
        middle = gap + column * (cell_size + gap) + cell_size // 2
        draw.text((middle, head // 2 + 2), title, fill=(0, 0, 0), font=_font(15), anchor="mm")
    # From here on, `top` is the upper edge of the current row.
    for index, (row, height) in enumerate(zip(cells, heights, strict=True)):
        if index < len(row_titles):
            draw.text((gap, top + strip // 2 - 2), row_titles[index], fill=(60, 60, 60), font=_font(12), anchor="lm")
        top += strip
        for column, image in enumerate(row):
            center = (gap + column * (cell_size + gap) + cell_size // 2, top + height // 2)
            if image is None:
                draw.text(center, "none", fill=(120, 120, 120), font=_font(14), anchor="mm")
            else:
                sheet.paste(image, (center[0] - image.width // 2, center[1] - image.height // 2))
        top += height + gap
    return sheet


def pseudo_label_panels(
    row: Mapping[str, Any], ground_truth: Mapping[str, Any] | None = None
) -> list[Image.Image | None]:
    """Draw the stages of one image's labels, the panels of `PANEL_TITLES`; an object keeps its color throughout.

    Args:
        row: row of the schema with points, and rough and refined masks if it has them.
        ground_truth: row of the same image with its ground-truth masks.

    Returns:
        Image, points, rough masks, refined masks, ground truth (masks on gray); None for a panel without data.
    """
    # Colors belong to the ids of the objects, so that they agree in all panels.
    image = read_image(row)
    shown, _ = _enlarged(image, MIN_SIDE)
    # Outlines stay visible when the panel is fitted into a cell of the contact sheet.
    outline_width = max(2, round(PANEL_OUTLINE * max(shown.size) / MIN_SIDE))
    ids = [item["id"] for item in row["objects"]]
    color_of = dict(zip(ids, instance_colors(len(ids)), strict=True))

    def panel(source: Mapping[str, Any], field: str) -> Image.Image | None:
        # Masks are drawn on gray; objects of the ground truth without a counterpart get a neutral color.
        objects = objects_with_mask(source, field)
        colors = [color_of.get(item["id"], UNKNOWN_COLOR) for item in objects]
        masks = [item[field] for item in objects]
        if not objects:
            return None
        gray = image.convert("L")
        return draw_instances(gray, masks, colors=colors, opacity=PANEL_OPACITY, outline_width=outline_width)

    pointed = objects_with_point(row)
    points = draw_points(image, [item["point"] for item in pointed], [color_of[item["id"]] for item in pointed])
    masks = [panel(row, "rough_segmentation"), panel(row, "segmentation")]
    ground_truth_panel = None if ground_truth is None else panel(ground_truth, "segmentation")
    return [shown, points, *masks, ground_truth_panel]


def _part(mask: np.ndarray | RLE, index: int, image: Image.Image) -> MaskPart:
    """Return the part of a mask that is drawn, or raise a ValueError if it has another size than its image."""
    mask = decode_rle(mask) if isinstance(mask, dict) else np.asarray(mask, dtype=bool)
    if mask.shape != image.size[::-1]:
        size = mask.shape
        raise ValueError(f"mask {index} is {size[0]} × {size[1]}; the image has height × width {image.size[::-1]}")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return MaskPart(mask[:0, :0], 0, 0, (0, 0), 0)
    left, top = max(0, int(columns[0]) - 1), max(0, int(rows[0]) - 1)
    # A copy, which outlives the whole mask
    pixels = mask[top : rows[-1] + 2, left : columns[-1] + 2].copy()
    return MaskPart(pixels, left, top, (int(columns[0]), int(rows[0])), int(np.count_nonzero(pixels)))


def _enlarged(image: Image.Image, min_side: int) -> tuple[Image.Image, int]:
    """Return the image in RGB with at least this shorter side, and the integer factor of its enlargement."""
    # Rounded up, so that the shorter side reaches at least `min_side`; nearest neighbor keeps pixels visible.
    factor = max(1, min(-(-min_side // min(image.size)), MAX_SIDE // max(image.size)))
    image = image.convert("RGB")
    if factor == 1:
        return image, 1
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST), factor


def fitted(image: Image.Image, cell_size: int = MIN_SIDE) -> Image.Image:
    """Return an image in RGB whose longer side is `cell_size` pixels."""
    scale = cell_size / max(image.size)
    size = tuple(max(1, round(side * scale)) for side in image.size)
    resample = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    return image.convert("RGB").resize(size, resample)


def _inner_edge(mask: np.ndarray, thickness: int) -> np.ndarray:
    """Return the pixels of a mask within `thickness` of its border; the border of the image is none."""
    # Erode pixel by pixel with a cross; padding with True keeps the border of the image from counting as an edge.
    inside = mask
    for _ in range(thickness):
        padded = np.pad(inside, 1, constant_values=True)
        inside = inside & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inside


def _marked(
    canvas: Image.Image, points: np.ndarray | Sequence[Sequence[float]], colors: Sequence[Color], factor: int
) -> Image.Image:
    # Discs grow with the canvas; point (0, 0) is the center of the first pixel.
    canvas = canvas.copy()
    draw, radius = ImageDraw.Draw(canvas), max(3, min(canvas.size) // 80)
    for index, (x, y) in enumerate(points):
        center = ((float(x) + 0.5) * factor, (float(y) + 0.5) * factor)
        fill = colors[index] if len(colors) == len(points) else (255, 255, 255)
        # A black and a white rim around the disc are drawn as larger discs below it.
        for size, color in ((radius + 2, (0, 0, 0)), (radius + 1, (255, 255, 255)), (radius, fill)):
            draw.circle(center, size, fill=color)
    return canvas


def _write_labels(canvas: Image.Image, parts: Sequence[MaskPart], labels: Sequence[str], factor: int) -> None:
    draw, font = ImageDraw.Draw(canvas), _font(max(MIN_LABEL, min(canvas.size) // LABELS_PER_SIDE))
    for part, label in zip(parts, labels, strict=True):
        if not part.area:
            continue
        # The text stands above the upper left corner of the mask, moved inside the image where it would be cut off.
        column, row = part.corner
        box = draw.textbbox((0, 0), label, font=font)
        left = min(column * factor, max(0, canvas.width - box[2] - 2))
        top = max(0, row * factor - box[3] - 2)
        draw.rectangle((left, top, left + box[2] + 2, top + box[3] + 2), fill=(0, 0, 0))
        draw.text((left + 1, top), label, fill=(255, 255, 255), font=font)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
