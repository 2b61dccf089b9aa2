# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Parts of a self-contained HTML page: no script, no other file, light or dark by the reader's choice."""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import NamedTuple

from PIL import Image

STYLE = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #ffffff; --text: #1c2430; --soft: #5b6675; --line: #dfe3e8;
  --accent: #0072b2; --tint: #e3eff7; --good: #00795a; --good-tint: #e0f3ed; }
@media (prefers-color-scheme: dark) { :root { --page: #12161c; --card: #1b212a; --text: #e6e9ee; --soft: #9aa5b4;
  --line: #313a47; --accent: #6cb8ea; --tint: #20374a; --good: #5fd0ae; --good-tint: #173a31; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; font-size: 15px; }
main, header > div { max-width: 1120px; margin: 0 auto; padding: 0 24px; }
header { background: var(--card); border-bottom: 1px solid var(--line); padding: 28px 0 16px; }
h1 { font-size: 26px; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 19px; margin: 40px 0 12px; }
h3 { font-size: 15px; margin: 0 0 10px; }
p { margin: 0 0 12px; }
.soft, figcaption, dt { color: var(--soft); }
nav { margin-top: 12px; }
nav a { margin-right: 18px; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 18px; margin-bottom: 16px;
  overflow-x: auto; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(138px, 1fr)); gap: 12px; margin-top: 24px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; }
.tile { overflow-wrap: anywhere; }
.tile strong { display: block; font-size: 25px; line-height: 1.25; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 8px 10px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
td:last-child { white-space: normal; }
thead th { color: var(--soft); font-weight: 600; font-size: 13px; }
tbody tr:last-child td { border-bottom: none; }
tr.best td { background: var(--good-tint); }
.badge { display: inline-block; margin-left: 8px; padding: 1px 8px; border-radius: 9px; font-size: 12px;
  background: var(--good-tint); color: var(--good); border: 1px solid var(--good); }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(440px, 1fr)); gap: 16px;
  margin-bottom: 16px; }
.two > .card { margin: 0; }
figure { margin: 0; }
figure img { max-width: 100%; display: block; margin: 0 auto; border-radius: 6px; }
figcaption { font-size: 13px; margin-top: 6px; overflow-wrap: anywhere; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(440px, 100%), 1fr)); gap: 16px; }
.paper { background: #ffffff; border-radius: 6px; padding: 4px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; margin: 0; }
dd { margin: 0; overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 13px; }
pre { margin: 0; white-space: pre-wrap; }
.notes { border-left: 4px solid var(--accent); background: var(--tint); padding: 10px 16px; border-radius: 6px; }
.notes p { margin: 4px 0; }
footer { color: var(--soft); font-size: 13px; padding: 24px 0 40px; }
@media (max-width: 560px) { .two { grid-template-columns: 1fr; } }
@media print { body { background: #ffffff; } .card, .tile { break-inside: avoid; } }
"""


class Section(NamedTuple):
    """One section of the page."""

    id: str  # of its anchor
    title: str
    content: str  # HTML


def page(title: str, subtitle: str, summary: str, sections: Sequence[Section], footer: str) -> str:
    """Return a whole page. Texts are escaped here; `summary` and the sections' contents are HTML."""
    links = " ".join(f'<a href="#{section.id}">{escape(section.title)}</a>' for section in sections)
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        "</head>",
        "<body>",
        f'<header><div><h1>{escape(title)}</h1><p class="soft">{escape(subtitle)}</p><nav>{links}</nav></div></header>',
        f"<main>{summary}",
    ]
    for section in sections:
        parts.append(f'<section id="{section.id}"><h2>{escape(section.title)}</h2>{section.content}</section>')
    parts += [f"<footer>{escape(footer)}</footer>", "</main>", "</body>", "</html>", ""]
    return "\n".join(parts)


def card(content: str, title: str = "") -> str:
    """Return a framed block of HTML."""
    heading = f"<h3>{escape(title)}</h3>" if title else ""
    return f'<div class="card">{heading}{content}</div>'


def side_by_side(blocks: Iterable[str]) -> str:
    """Return blocks of HTML in two columns, where the window is wide enough."""
    return f'<div class="two">{"".join(blocks)}</div>'


def tiles(values: Mapping[str, str]) -> str:
    """Return the main figures, large: caption → value."""
    boxes = [
        f'<div class="tile"><strong>{escape(value)}</strong><span class="soft">{escape(caption)}</span></div>'
        for caption, value in values.items()
    ]
    return f'<div class="tiles">{"".join(boxes)}</div>'


def table(header: Sequence[str], rows: Sequence[Sequence[str]], best: int | None = None, badge: str = "") -> str:
    """Return a table; the row with the index `best` is marked, and has a badge beside its first cell."""
    lines = []
    for number, cells in enumerate(rows):
        texts = [escape(cell) for cell in cells]
        if number == best:
            texts[0] += f'<span class="badge">{escape(badge)}</span>'
        marked = ' class="best"' if number == best else ""
        lines.append(f"<tr{marked}>{''.join(f'<td>{text}</td>' for text in texts)}</tr>")
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def facts(values: Mapping[str, str]) -> str:
    """Return a list of names with their values."""
    lines = [f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in values.items()]
    return f"<dl>{''.join(lines)}</dl>"


def notes(sentences: Iterable[str]) -> str:
    """Return sentences in a marked block; nothing without any."""
    lines = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
    return f'<div class="notes">{lines}</div>' if lines else ""


def code(text: str) -> str:
    """Return text with its line breaks, in a fixed-width font."""
    return f"<pre><code>{escape(text)}</code></pre>"


def figure(image: Image.Image, caption: str, is_drawing: bool = False) -> str:
    """Return a picture inside the page, with a caption that also describes it.

    Args:
        image: the picture.
        caption: plain text.
        is_drawing: lossless, on white; photographs are compressed.
    """
    kind, options = ("PNG", {"optimize": True}) if is_drawing else ("WEBP", {"quality": 80})
    stream = io.BytesIO()
    image.convert("RGB").save(stream, kind, **options)
    data = f"data:image/{kind.lower()};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
    paper = ' class="paper"' if is_drawing else ""
    text = escape(caption)
    return f'<figure><img{paper} src="{data}" alt="{text}" loading="lazy"><figcaption>{text}</figcaption></figure>'


def gallery(figures: Iterable[str]) -> str:
    """Return figures in rows, two of them beside each other where the window is wide enough."""
    return f'<div class="gallery">{"".join(figures)}</div>'
