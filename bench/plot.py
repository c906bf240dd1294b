# SPDX-License-Identifier: ISC
"""One picture for each mode, as SVG: a bar for each proxy, quartiles across its end."""

import math
from html import escape

import report

COLOURS = {'adieu': '#0b6e4f', 'other': '#4d9078', 'peer': '#9aa5b1', 'limit': '#d9822b'}
WIDTH, LABEL, RIGHT = 720, 120, 110
TOP, STEP, BAR = 56, 28, 18


def text(x, y, said, anchor='start', size=13, weight='normal'):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
            f'font-weight="{weight}">{escape(said)}</text>')


def line(x1, y1, x2, y2, colour='#334', dash=''):
    dashed = f' stroke-dasharray="{dash}"' if dash else ''
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}"{dashed}/>'


def document(height, parts):
    return '\n'.join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" font-family="sans-serif" fill="#223">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>', *parts, '</svg>', ''])


def bar(row, y, scale, quartiles):
    low, middle, high = (LABEL + scale * value for value in quartiles)
    centre = y + BAR / 2
    return [
        text(LABEL - 8, centre + 4.5, row.name, 'end',
             weight='bold' if row.role == 'adieu' else 'normal'),
        f'<rect x="{LABEL}" y="{y}" width="{middle - LABEL:.1f}" height="{BAR}" '
        f'fill="{COLOURS[row.role]}"/>',
        line(low, centre, high, centre), line(low, centre - 4, low, centre + 4),
        line(high, centre - 4, high, centre + 4),
        text(max(high, middle) + 8, centre + 4.5, report.number(row.median['figure'])),
    ]


def bars(mode, results, rows):
    """None if nobody has got through."""
    rows = sorted((row for row in rows if row.failure is None),
                  key=lambda row: row.median['figure'])
    if not rows:
        return None
    quartiles = {row.name: report.quartiles([round_['figure'] for round_ in results[row.name]])
                 for row in rows}
    scale = (WIDTH - LABEL - RIGHT) / max(high for _, _, high in quartiles.values())
    parts = [text(12, 22, f'{mode.title[0].upper()}{mode.title[1:]}', size=14, weight='bold'),
             text(12, 42, f'{report.FIGURES[mode.figure]}, {mode.unit}: median and quartiles; '
                  'less is better', size=12)]
    for i, row in enumerate(rows):
        parts += bar(row, TOP + i * STEP, scale, quartiles[row.name])
    bottom = TOP + len(rows) * STEP
    limit = report.best_of(rows, 'limit')
    if limit is not None:
        x = LABEL + scale * limit.median['figure']
        parts.append(line(x, TOP - 4, x, bottom, COLOURS['limit'], '4 3'))
    return document(bottom + 8, parts)


# ---- growth: a line for each proxy, both axes logarithmic ----

AREA = (70, 60, 560, 260)    # left, top, width, height


def steps(least, most):
    """1, 2, 5, 10, … around what is to be shown."""
    every = [factor * 10**power for power in range(-1, 6) for factor in (1, 2, 5)]
    low = max(step for step in every if step <= least)
    high = min(step for step in every if step >= most)
    return [step for step in every if low <= step <= high]


def axes(sizes, costs):
    """(x of a size, y of a cost, the parts to draw)"""
    left, top, width, height = AREA
    ticks = steps(min(costs), max(costs))

    def x(size):
        return left + width * math.log(size / sizes[0]) / math.log(sizes[-1] / sizes[0])

    def y(cost):
        return top + height * (1 - math.log(cost / ticks[0]) / math.log(ticks[-1] / ticks[0]))

    parts = [text(x(size), top + height + 18, f'{size:,}', 'middle') for size in sizes]
    for tick in ticks:
        parts += [line(left, y(tick), left + width, y(tick), '#dde'),
                  text(left - 8, y(tick) + 4.5, report.number(tick).rstrip('0').rstrip('.'), 'end')]
    return x, y, parts


def spread_labels(wanted):
    """As near to where they belong as fits: {name: y}."""
    placed, last = {}, -math.inf
    for name, y in sorted(wanted.items(), key=lambda item: item[1]):
        last = placed[name] = max(y, last + 15)
    return placed


def growth(found):
    """found: as report.growth() returns it; None if there is nothing to show."""
    if not found:
        return None
    sizes = [size for size, _ in found[0][2]]
    x, y, parts = axes(sizes, [cost for _, _, points in found for _, cost in points])
    parts += [text(12, 22, 'Growth: 128 B and back, 10 at a time, on ever more open connections',
                   size=14, weight='bold'),
              text(12, 42, 'CPU, µs/op, over connections; less is better', size=12)]
    labels = spread_labels({name: y(points[-1][1]) for name, _, points in found})
    for name, role, points in found:
        path = 'L'.join(f'{x(size):.1f} {y(cost):.1f}' for size, cost in points)
        parts += [f'<path d="M{path}" fill="none" stroke="{COLOURS[role]}" stroke-width="2"/>',
                  text(x(sizes[-1]) + 8, labels[name] + 4.5, name,
                       weight='bold' if role == 'adieu' else 'normal')]
    return document(AREA[1] + AREA[3] + 34, parts)
