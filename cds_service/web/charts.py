"""Counts and rates over time or side by side, drawn as SVG: pure functions of numbers, without script or inline style.

What a class colors is named in the legend, and every number stands in the table beside the drawing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from markupsafe import Markup

from cds_service.record.rates import Rate, total

_WIDTH, _HEIGHT = 720, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 36, 10, 24
_PLOT = _WIDTH - _LEFT - _RIGHT
_FLOOR = _HEIGHT - _BOTTOM
_MOST_TICKS = 5
_MOST_LABELS = 7
_ROW, _NAMES, _COUNT = 24, 330, 60

_FRAME = Markup(
    '<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{name}-title {name}-desc">'
    '<title id="{name}-title">{title}</title><desc id="{name}-desc">{desc}</desc>{parts}</svg>'
)
_GRID = Markup('<path class="grid" d="M{x:g} {y:g}H{end:g}"/><text class="y" x="{text:g}" y="{below:g}">{label}</text>')
_LABEL = Markup('<text class="x" x="{x:g}" y="{y:g}">{label}</text>')
_AREA = Markup('<path class="{kind}" d="{path}"/>')
_LINE = Markup('<path class="line {kind}" d="{path}"/><path class="dots {kind}" d="{dots}"/>')
_HOVER = Markup(
    '<rect class="hover" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"><title>{told}</title></rect>'
)
_NAME = Markup('<text class="name{more}" x="{x:g}" y="{y:g}">{label}</text>')
_TOTAL = Markup('<text class="total" x="{x:g}" y="{y:g}">{label}</text>')


def columns(name: str, title: str, labels: Sequence[str], parts: Mapping[str, Sequence[int]]) -> Markup:
    """Counts over time, the parts of each whole upon each other."""
    wholes = [sum(counts) for counts in zip(*parts.values(), strict=True)]
    step, top = _scale(max(wholes, default=0), least=1)
    wide = _PLOT / max(1, len(labels))
    paths: dict[str, list[str]] = {kind: [] for kind in parts}
    for place, counts in enumerate(zip(*parts.values(), strict=True)):
        for kind, count, upto in zip(parts, counts, accumulate(counts), strict=True):
            if count:
                high = _y(upto, top)
                paths[kind].append(
                    _box(_LEFT + place * wide + wide * 0.12, high, wide * 0.76, _y(upto - count, top) - high)
                )
    drawn = [_AREA.format(kind=kind, path="".join(path)) for kind, path in paths.items() if path]
    told = [
        f"{label}: {whole} shown; {', '.join(f'{parts[kind][n]} {kind}' for kind in parts)}"
        for n, (label, whole) in enumerate(zip(labels, wholes, strict=True))
    ]
    grid = _grid([step * n for n in range(round(top / step) + 1)], top, "{:g}")
    desc = f"{sum(wholes)} in all: {', '.join(f'{sum(counts)} {kind}' for kind, counts in parts.items())}."
    return _framed(name, title, desc, [*grid, *drawn, *_times(labels), *_hovers(told)])


def lines(name: str, title: str, labels: Sequence[str], series: Mapping[str, Sequence[Rate]]) -> Markup:
    """Shares over time; where there is nothing to be a share of, the line is broken."""
    highest = max((rate.share for rates in series.values() for rate in rates), default=0)
    step, top = _scale(min(1.0, highest), least=0.05)
    top = min(1.0, top)
    wide = _PLOT / max(1, len(labels))
    drawn = [_line(kind, rates, top, wide) for kind, rates in series.items()]
    told = [
        f"{label}: {'; '.join(f'{kind} {rate_in_words(rates[n])}' for kind, rates in series.items())}"
        for n, label in enumerate(labels)
    ]
    grid = _grid([step * n for n in range(math.floor(top / step + 1e-9) + 1)], top, "{:.0%}")
    whole = {kind: total(rates) for kind, rates in series.items()}
    desc = f"In all: {'; '.join(f'{kind} {rate_in_words(rate)}' for kind, rate in whole.items())}."
    return _framed(name, title, desc, [*grid, *drawn, *_times(labels), *_hovers(told)])


def bars(
    name: str, title: str, rows: Sequence[tuple[str, str]], parts: Mapping[str, Sequence[float]], form: str = "{:g}"
) -> Markup:
    """One bar a row, made of its parts; a row is its name and what is wrong with it, if anything is."""
    wholes = [sum(values) for values in zip(*parts.values(), strict=True)]
    top = max(wholes, default=0) or 1
    long = (_WIDTH - _NAMES - _COUNT) / top
    drawn = []
    for place, ((label, wrong), whole) in enumerate(zip(rows, wholes, strict=True)):
        y, x = place * _ROW, float(_NAMES)
        words = f"{label} ({wrong})" if wrong else label
        drawn.append(_NAME.format(more=" wrong" if wrong else "", x=_NAMES - 8, y=y + 16, label=words))
        for kind, values in parts.items():
            drawn.append(_AREA.format(kind=kind, path=_box(x, y + 4, values[place] * long, _ROW - 8)))
            x += values[place] * long
        drawn.append(_TOTAL.format(x=x + 6, y=y + 16, label=form.format(whole)))
    desc = f"{len(rows)} bars; the longest stands for {form.format(max(wholes, default=0))}."
    return _framed(name, title, desc, drawn, height=max(1, len(rows)) * _ROW)


def rate_in_words(rate: Rate) -> str:
    """A share with its counts, however few they are."""
    return f"{rate.events} of {rate.exposure} ({rate.share:.0%})" if rate.exposure else "0 of 0"


def _framed(name: str, title: str, desc: str, parts: Sequence[Markup], height: int = _HEIGHT) -> Markup:
    return _FRAME.format(width=_WIDTH, height=height, name=name, title=title, desc=desc, parts=Markup("").join(parts))


def _line(kind: str, rates: Sequence[Rate], top: float, wide: float) -> Markup:
    path, dots, drawing = [], [], False
    for place, rate in enumerate(rates):
        if rate.exposure:
            at = f"{_LEFT + (place + 0.5) * wide:g} {_y(rate.share, top):g}"
            path.append(f"{'L' if drawing else 'M'}{at}")
            dots.append(f"M{at}h0")
        drawing = bool(rate.exposure)
    return _LINE.format(kind=kind, path="".join(path), dots="".join(dots))


def _box(x: float, y: float, width: float, height: float) -> str:
    return f"M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h{-width:.1f}z"


def _y(value: float, top: float) -> float:
    return round(_FLOOR - (_FLOOR - _TOP) * value / top, 1)


def _scale(highest: float, least: float) -> tuple[float, float]:
    """The step between two lines, one of 1, 2 or 5 times a power of ten, and where the last line is."""
    wanted = max(highest / (_MOST_TICKS - 1), least)
    power = 10.0 ** math.floor(math.log10(wanted) + 1e-9)
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= wanted - 1e-9)
    return step, step * max(1, math.ceil(highest / step - 1e-9))


def _grid(values: Sequence[float], top: float, form: str) -> Iterator[Markup]:
    for value in values:
        y = _y(value, top)
        label = form.format(value)
        yield _GRID.format(x=_LEFT, y=y, end=_WIDTH - _RIGHT, text=_LEFT - 6, below=y + 4, label=label)


def _times(labels: Sequence[str]) -> Iterator[Markup]:
    """As many of the labels as there is room for, the last one among them."""
    wide = _PLOT / max(1, len(labels))
    every = math.ceil(len(labels) / _MOST_LABELS)
    for place in range(len(labels) - 1, -1, -every or -1):
        yield _LABEL.format(x=round(_LEFT + (place + 0.5) * wide, 1), y=_HEIGHT - 7, label=labels[place])


def _hovers(told: Sequence[str]) -> Iterator[Markup]:
    wide = _PLOT / max(1, len(told))
    for place, words in enumerate(told):
        yield _HOVER.format(
            x=round(_LEFT + place * wide, 1), y=_TOP, width=round(wide, 1), height=_FLOOR - _TOP, told=words
        )
