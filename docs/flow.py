"""Draws `flow.svg`, the way of an utterance through the rooms of the package: `python docs/flow.py`."""

from __future__ import annotations

from html import escape
from pathlib import Path

WIDTH, BOX, GAP, HEIGHT = 1064, 134, 16, 62
COLOURS = {
    "audio": "#dbeafe",
    "features": "#dcfce7",
    "bundle": "#fef3c7",
    "predict": "#fae8ff",
    "corpora": "#ffe4e6",
    "data": "#e0f2fe",
    "models": "#ecfccb",
    "training": "#ede9fe",
    "evaluate": "#ffedd5",
}
# What happens, in which room, and what comes out of it.
PREDICTION = [
    ("audio", "read", "samples, 16 kHz"),
    ("predict", "windows", "each like a file"),
    ("features", "extract", "frames [T, D]"),
    ("bundle", "view, normalise", "chunks [C, m, D]"),
    ("bundle", "network (ONNX)", "named scores"),
    ("predict", "summary, curve", "over all windows"),
    ("predict", "rows, moments", "table, page, clips"),
]
EXPERIMENT = [
    ("corpora", "reader", "table of utterances"),
    ("data", "recipe, split", "who trains, who tests"),
    ("data", "store", "features on disk"),
    ("models", "network", "torch, untrained"),
    ("training", "system, loop", "weights, per fold"),
    ("bundle", "folder", "the same bundle code"),
    ("evaluate", "scores, report", "with intervals"),
]
BUNDLE = 5  # of the experiment: what it writes, prediction reads


def draw() -> str:
    """The picture as SVG."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} 250" font-family="sans-serif" role="img">',
        "<title>From audio to scores, and from a corpus to a bundle and a report</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#475569"/></marker></defs>',
        f'<rect width="{WIDTH}" height="250" rx="8" fill="#ffffff"/>',
        *_row("emotone predict", PREDICTION, 30),
        *_row("emotone train, evaluate", EXPERIMENT, 160),
        _arrow(_left(BUNDLE) + BOX / 2, 160, _left(4) + BOX / 2, 30 + HEIGHT),
    ]
    return "\n".join([*parts, "</svg>", ""])


def _row(title: str, boxes: list[tuple[str, str, str]], top: int) -> list[str]:
    """Boxes from left to right, an arrow to each from the one before."""
    parts = [f'<text x="{_left(0)}" y="{top - 10}" font-size="13" fill="#475569">{escape(title)}</text>']
    for number, (room, what, out) in enumerate(boxes):
        left, middle = _left(number), _left(number) + BOX / 2
        parts.append(
            f'<rect x="{left}" y="{top}" width="{BOX}" height="{HEIGHT}" rx="6" fill="{COLOURS[room]}" '
            'stroke="#94a3b8"/>'
        )
        for offset, size, colour, text in (
            (17, 11, "#64748b", room),
            (35, 14, "#0f172a", what),
            (52, 11, "#334155", out),
        ):
            parts.append(
                f'<text x="{middle}" y="{top + offset}" font-size="{size}" fill="{colour}" text-anchor="middle">'
                f"{escape(text)}</text>"
            )
        if number:
            parts.append(_arrow(left - GAP, top + HEIGHT / 2, left, top + HEIGHT / 2))
    return parts


def _left(number: int) -> float:
    return (WIDTH - len(PREDICTION) * BOX - (len(PREDICTION) - 1) * GAP) / 2 + number * (BOX + GAP)


def _arrow(x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<path d="M{x} {y}L{to_x} {to_y}" stroke="#475569" stroke-width="1.5" fill="none" marker-end="url(#tip)"/>'


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(draw(), encoding="utf-8")
