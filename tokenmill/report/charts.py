"""Readable pages: one self-contained HTML file, nothing loaded from elsewhere, light and dark.

A stage's template starts with ``{% extends "page.html.j2" %}`` and fills the blocks ``title`` and
``content``. All text is escaped. The charts below are there as functions, the number formats as filters
(``count``, ``percent``). Colours are classes of the page's style sheet: ``c0`` is the main one, ``c1`` to
``c7`` tell series apart.
"""

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from tokenmill.report.words import figure_of

BASE = Path(__file__).parent
SERIES = 8
"""Colours that the style sheet has."""


def render(template: Path, **context: Any) -> str:
    """The page that a template makes of its context. The same context gives the same text."""
    return _environment(template, autoescape=True).get_template(template.name).render(**context)


def render_text(template: Path, **context: Any) -> str:
    """The same for plain text, in which nothing is escaped."""
    return _environment(template, autoescape=False).get_template(template.name).render(**context)


def _environment(template: Path, *, autoescape: bool) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, BASE]),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"count": count, "percent": percent, "number": number}
    environment.globals |= {
        "bars": bars,
        "stacked_bar": stacked_bar,
        "legend": legend,
        "columns": columns,
        "lines": lines,
        "figure_of": figure_of,
    }
    return environment


def count(value: int) -> str:
    """``12,345``."""
    return f"{value:,}"


def percent(share: float, digits: int = 1) -> str:
    """``12.3%`` of 0.123; a share too small to show is ``<0.1%``, not nothing."""
    least = 10**-digits
    return f"<{least:.{digits}f}%" if 0 < 100 * share < least / 2 else f"{share:.{digits}%}"


def number(value: float) -> str:
    """A whole number with separators, another one with four digits."""
    return count(value) if isinstance(value, int) else f"{value:,.4g}"


def bars(values: Mapping[str, float], digits: int = 0, largest: float | None = None) -> Markup:
    """Horizontal bars with their names and values; the longest is ``largest`` or the largest value."""
    top = largest or max(values.values(), default=0) or 1
    rows = (
        f'<div class="bar-name">{escape(name)}</div>'
        '<div class="bar-track">'
        f'<div class="bar c0" style="width:{100 * min(value / top, 1):.2f}%"></div></div>'
        f'<div class="bar-value">{value:,.{digits}f}</div>'
        for name, value in values.items()
    )
    return Markup(f'<div class="bars">{"".join(rows)}</div>')


def stacked_bar(values: Mapping[str, float]) -> Markup:
    """One bar of full width, cut into shares; the n-th name has the n-th colour, as in :func:`legend`."""
    total = sum(values.values()) or 1
    parts = (
        f'<div class="bar c{i % SERIES}" style="width:{100 * value / total:.3f}%" '
        f'title="{escape(name)}: {value:,.0f} ({percent(value / total)})"></div>'
        for i, (name, value) in enumerate(values.items())
        if value
    )
    return Markup(f'<div class="bar-track stacked">{"".join(parts)}</div>')


def legend(names: Sequence[str]) -> Markup:
    """The names of series with their colours."""
    items = (f'<span><i class="key c{i % SERIES}"></i>{escape(name)}</span>' for i, name in enumerate(names))
    return Markup(f'<div class="legend">{"".join(items)}</div>')


def columns(values: Mapping[str, float], label: str, height: int = 120, width: int = 320) -> Markup:
    """A column chart: one column for each name, in order. ``label`` says for screen readers what it shows."""
    top = max(values.values(), default=0) or 1
    foot, head = 16, 14
    slot = width / max(len(values), 1)
    parts = []
    for i, (name, value) in enumerate(values.items()):
        # A single document still shows.
        tall = max((height - foot - head) * value / top, 1 if value else 0)
        x, y = i * slot, height - foot - tall
        title = f"<title>{escape(name)}: {value:,.0f}</title>"
        box = f'x="{x + slot * 0.08:.1f}" y="{y:.1f}" width="{slot * 0.84:.1f}" height="{tall:.1f}"'
        parts.append(f'<rect class="c0" {box}>{title}</rect>')
        parts.append(_label(x + slot / 2, height - 4, name, "middle"))
        if value:
            parts.append(_label(x + slot / 2, y - 4, _short(value), "middle"))
    base = f'<line class="axis" x1="0" x2="{width}" y1="{height - foot}" y2="{height - foot}"/>'
    return _svg(width, height, label, "".join(parts) + base)


def lines(
    series: Mapping[str, Sequence[tuple[float, float]]],
    label: str,
    x_name: str = "",
    y_name: str = "",
    height: int = 260,
    width: int = 720,
) -> Markup:
    """A line chart of ``{name: [(x, y), ...]}`` with round ticks; the n-th name has the n-th colour."""
    points = [point for line in series.values() for point in line]
    if not points:
        return Markup("")
    x_ticks, y_ticks = (_ticks(min(axis), max(axis)) for axis in zip(*points, strict=True))
    left, right, head, foot = 56, 12, 18, 34

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0])
        up = (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return left + across * (width - left - right), height - foot - up * (height - foot - head)

    parts = []
    for tick in y_ticks:
        _, y = place(x_ticks[0], tick)
        parts.append(f'<line class="gridline" x1="{left}" x2="{width - right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_label(left - 6, y + 4, _short(tick), "end"))
    for tick in x_ticks:
        x, _ = place(tick, y_ticks[0])
        parts.append(_label(x, height - 18, _short(tick), "middle"))
    for i, line in enumerate(series.values()):
        path = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in line)
        parts.append(f'<polyline class="line s{i % SERIES}" points="{path}"/>')
    parts.append(_label(left, 11, y_name, "start"))
    parts.append(_label(width - right, height - 3, x_name, "end"))
    return _svg(width, height, label, "".join(parts))


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text class="tick" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(width: int, height: int, label: str, content: str) -> Markup:
    start = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">'
    return Markup(f"{start}{content}</svg>")


def _short(value: float) -> str:
    """``1.2k`` of 1234, ``3M`` of 3,000,000; small numbers with the digits that tell them apart."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.4g}"


def _ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers that span ``low`` to ``high``, in steps of 1, 2 or 5 times a power of ten."""
    if high <= low:
        low, high = low - 0.5, low + 0.5
    rough = (high - low) / about
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]
