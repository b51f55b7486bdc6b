"""Charts of the shared page."""

import re
from pathlib import Path

import jinja2
import pytest

from tokenmill.report.charts import bars, columns, count, legend, lines, percent, render, stacked_bar


def numbers(pattern: str, markup: str) -> list[float]:
    return [float(found) for found in re.findall(pattern, markup)]


def test_formats() -> None:
    assert count(1234567) == "1,234,567"
    assert [percent(share) for share in (0, 0.00001, 0.1234, 1)] == ["0.0%", "<0.1%", "12.3%", "100.0%"]


def test_bars_are_in_proportion() -> None:
    assert numbers(r"width:([\d.]+)%", bars({"a": 5, "b": 10})) == [50, 100]
    assert numbers(r"width:([\d.]+)%", bars({"a": 5, "b": 10}, largest=20)) == [25, 50]
    assert numbers(r"width:([\d.]+)%", bars({"a": 0})) == [0]
    assert numbers(r"width:([\d.]+)%", stacked_bar({"a": 1, "b": 0, "c": 3})) == [25, 75]
    # A name keeps its colour, whether or not others before it have a part.
    assert re.findall(r"bar (c\d)", stacked_bar({"a": 1, "b": 0, "c": 3})) == ["c0", "c2"]


def test_columns_show_one_among_thousands() -> None:
    heights = numbers(r'height="([\d.]+)"', columns({"1": 100_000, "2": 1, "3": 0}, "x"))
    assert heights[0] > 50 and heights[1:] == [1, 0]


def test_lines_keep_points_inside_and_higher_values_higher() -> None:
    markup = lines({"a": [(0, 3.2), (1000, 1.1)], "b": [(500, 2.0)]}, "loss", height=200, width=400)
    first, second = re.findall(r'points="([^"]+)"', markup)
    (x0, y0), (x1, y1) = (tuple(map(float, point.split(","))) for point in first.split())
    assert x0 < x1 and y0 < y1
    for x, y in ((x0, y0), (x1, y1), tuple(map(float, second.split(",")))):
        assert 0 <= x <= 400 and 0 <= y <= 200
    assert ">1k</text>" in markup
    assert lines({}, "nothing") == ""
    assert "polyline" in lines({"one": [(1, 1)]}, "a single point")


@pytest.mark.parametrize("chart", [bars, stacked_bar, lambda v: legend(list(v)), lambda v: columns(v, "<x>")])
def test_names_are_escaped(chart) -> None:
    assert "<b>" not in chart({"<b>bold</b>": 1})


def test_templates_escape_and_refuse_what_is_missing(tmp_path: Path) -> None:
    template = tmp_path / "x.html.j2"
    template.write_text(
        '{% extends "page.html.j2" %}{% block content %}{{ name }}{{ 1234 | count }}{% endblock %}'
    )
    assert "&lt;i&gt;1,234" in render(template, name="<i>")
    with pytest.raises(jinja2.UndefinedError):
        render(template)
