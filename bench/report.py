# SPDX-License-Identifier: ISC
"""From rounds to figures, and from figures to tables."""

import math
import statistics
from dataclasses import dataclass

from proxies import Failure

FIGURES = {'cpu': 'CPU', 'p99': 'p99', 'memory': 'memory'}


@dataclass
class Row:
    """What one proxy did in one mode: medians over its rounds."""
    name: str
    role: str
    failure: str = None
    rounds: int = 0
    median: dict = None
    spread: float = 0        # half the distance of the quartiles, as a part of the median
    best: object = None      # the best peer's row
    better: float = None     # how many times better than that
    like: object = None      # the row of the best peer that ends well
    better_like: float = None
    over: float = None       # how many times the limit


def quartiles(values):
    if len(values) == 1:
        return values[0], values[0], values[0]
    return statistics.quantiles(values, n=4, method='inclusive')


def median_of(rounds):
    return {key: statistics.median(round_[key] for round_ in rounds) for key in rounds[0]}


def make_row(name, role, rounds):
    if isinstance(rounds, Failure):
        return Row(name, role, failure=str(rounds))
    low, middle, high = quartiles([round_['figure'] for round_ in rounds])
    return Row(name, role, rounds=len(rounds), median=median_of(rounds),
               spread=(high - low) / 2 / middle)


def ratio(results, row, other):
    """How many times the other one's figure, pair by pair: a machine changes its speed."""
    if row is None or other is None:
        return None
    pairs = zip(results[row.name], results[other.name], strict=False)
    return statistics.median(a['figure'] / b['figure'] for a, b in pairs)


def make_rows(results, roles):
    rows = [make_row(name, roles[name], rounds) for name, rounds in results.items()]
    peers = [row for row in rows if row.role == 'peer' and row.failure is None]
    best, like = first(results, peers), first(results, filter(ends_well, peers))
    limit = best_of(rows, 'limit')
    for row in rows:
        if row.failure is None:
            row.best = best
            row.better = ratio(results, best, row)
            row.like = like
            row.better_like = ratio(results, like, row)
            row.over = ratio(results, row, limit)
    return rows


def first(results, rows):
    """
    The best of them. Not all have the same rounds, and a machine changes its speed, so
    those that two have in common decide.
    """
    best = None
    for row in rows:
        if best is None or ratio(results, row, best) < 1:
            best = row
    return best


def best_of(rows, role):
    fit = [row for row in rows if row.role == role and row.failure is None]
    return min(fit, key=lambda row: row.median['figure'], default=None)


def ends_well(row):
    """Whether it does the work of an ending. Modes whose connections stay have none to do."""
    return row.failure is None and row.median.get('unclean', 0) < 0.01


# ---- text ----

def number(value):
    """Four digits that matter."""
    if value is None:
        return '–'
    digits = 0 if value >= 1000 else 1 if value >= 100 else 2 if value >= 1 else 3
    return f'{value:,.{digits}f}'


def percent(part):
    return f'{part * 100:.0f} %'


def times(ratio):
    return f'{ratio:.2f} ×' if ratio is not None else '–'


def columns(mode):
    """(heading, what to print of a row)"""
    def median(key, form=number):
        return lambda row: form(row.median[key])

    shown = [(f'{FIGURES[mode.figure]}, {mode.unit}', median('figure')),
             ('rounds', lambda row: str(row.rounds)),
             ('spread', lambda row: f'± {row.spread * 100:.1f} %'),
             ('best peer / it', lambda row: times(row.better)),
             ('it / limit', lambda row: times(row.over))]
    if mode.figure != 'memory':
        per = mode.beside_per if mode.beside else mode.per
        shown += [(f'{per}/s', median('rate')), ('core busy', median('busy', percent))]
    if mode.beside:
        shown.append((f'CPU, µs/{mode.beside_per}', median('cost')))
    if mode.churns:
        shown.append(('unclean ends', median('unclean', percent)))
    if mode.latency:
        shown += [('p50, ms', median('p50')), ('p99, ms', median('p99')),
                  ('p99.9, ms', median('p999'))]
    return shown


def cells(mode, rows):
    """A table: its head, then a list for each row; a failure fills the row."""
    shown = columns(mode)
    yield ['', *(heading for heading, _ in shown)]
    for row in rows:
        if row.failure is not None:
            yield [row.name, f'failed: {row.failure}']
        else:
            yield [row.name, *(form(row) for _, form in shown)]


def text(mode, rows):
    table = list(cells(mode, rows))
    full = [line for line in table if len(line) == len(table[0])]
    widths = [max(len(line[i]) for line in full) for i in range(len(table[0]))]
    widths[0] = max(len(line[0]) for line in table)
    lines = [f'{mode.name}: {mode.title}']
    for line in table:
        first = '  ' + line[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        lines.append('   '.join([first, *rest]).rstrip())
    return '\n'.join(lines)


def markdown(mode, rows):
    head, *body = cells(mode, rows)
    lines = [head, ['---', *['---:'] * (len(head) - 1)], *body]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


# ---- RESULTS.md ----

def summary_line(mode, rows):
    ours, limit = best_of(rows, 'adieu'), best_of(rows, 'limit')
    best = next((row.best for row in rows if row.best is not None), None)

    def figure(row, name=''):
        return f'{number(row.median["figure"])}{name}' if row is not None else '–'

    like = ''
    if ours and best is not None and ours.like is not best:
        like = f'{times(ours.better_like)} ({ours.like.name})' if ours.like else '–'
    return [f'[{mode.name}](#{anchor(mode)})', mode.unit, figure(ours),
            figure(best, f' ({best.name})' if best else ''), figure(limit),
            times(ours.better) if ours else '–', like, times(ours.over) if ours else '–']


def anchor(mode):
    return ''.join(c for c in mode.name if c.isalnum() or c == '-')


def growth(measured):
    """[(proxy, role, [(connections, µs/op), ...]), ...] of those that went through all sizes."""
    sizes = [(mode.clients, rows) for mode, _, rows in measured if mode.name.startswith('growth-')]
    found = {}
    for clients, rows in sizes:
        for row in rows:
            if row.failure is None:
                found.setdefault((row.name, row.role), []).append((clients, row.median['figure']))
    return [(*who, points) for who, points in found.items() if 1 < len(points) == len(sizes)]


def growth_lines(measured):
    """How many times as much an operation costs with the most connections as with the fewest."""
    return [[name, *(number(cost) for _, cost in points), times(points[-1][1] / points[0][1])]
            for name, _, points in growth(measured)]


def growth_text(measured):
    table = [['  ' + line[0].ljust(16), *(cell.rjust(9) for cell in line[1:])]
             for line in growth_lines(measured)]
    return '\n'.join(['growth: CPU, µs/op at each size, and the last one over the first',
                      *map(''.join, table)])


def growth_md(measured, plot):
    sizes = [f'{mode.clients:,}' for mode, _, _ in measured if mode.name.startswith('growth-')]
    lines = [['', *sizes, 'last / first'], ['---', *['---:'] * (len(sizes) + 1)],
             *growth_lines(measured)]
    return ['', '## growth', '', 'CPU, µs/op, as the number of open connections grows.', '',
            *('| ' + ' | '.join(line) + ' |' for line in lines), '', f'![growth]({plot})']


def results_md(machine, versions, note, measured, plots):
    """measured: [(mode, results, rows), ...]; plots: {name of a mode or "growth": file}"""
    out = ['# The last full run', '', note, '',
           'How it is measured stands in [README.md](README.md). Less is better in every mode: the '
           'figure is the', 'proxy\'s own CPU time, or a latency, or memory. *Who ends* is the best '
           'of the peers that do', 'not leave out the end of a connection, where the best peer '
           'does.', '',
           '| machine | |', '|---|---|', *(f'| {k} | {v} |' for k, v in machine.items()),
           *(f'| {name} | {said} |' for name, said in versions.items()), '',
           '| mode | unit | adieu | best peer | limit | best peer / adieu | who ends / adieu '
           '| adieu / limit |',
           '|---|---|---:|---:|---:|---:|---:|---:|']
    out += ['| ' + ' | '.join(summary_line(mode, rows)) + ' |' for mode, _, rows in measured]
    for mode, _, rows in measured:
        out += ['', f'## {mode.name}', '', f'{mode.title[0].upper()}{mode.title[1:]}.', '',
                markdown(mode, rows)]
        if mode.name in plots:
            out += ['', f'![{mode.name}]({plots[mode.name]})']
    if 'growth' in plots:
        out += growth_md(measured, plots['growth'])
    return '\n'.join(out) + '\n'


# ---- JSON ----

def as_json(mode, results, rows):
    return {
        'title': mode.title, 'figure': FIGURES[mode.figure], 'unit': mode.unit,
        'load': list(mode.load), 'beside': list(mode.beside),
        'proxies': {row.name: {
            'role': row.role, 'failure': row.failure, 'median': row.median, 'spread': row.spread,
            'best peer / it': row.better, 'who ends / it': row.better_like,
            'it / limit': row.over,
            'rounds': results[row.name] if row.failure is None else [],
        } for row in rows},
    }


# ---- two builds ----

def median_interval(values, confidence=0.95):
    """The median, and between which of the values it really lies (by the binomial distribution)."""
    ranked, n = sorted(values), len(values)
    outside, tail = 0, 0.5**n
    while 2 * tail <= 1 - confidence:
        outside += 1
        tail += math.comb(n, outside) * 0.5**n
    cut = max(outside - 1, 0)
    return ranked[cut], statistics.median(ranked), ranked[n - 1 - cut]


def compare(mode, results):
    """How many times better adieu is than the other build, pair by pair of rounds."""
    failed = [f'{name}: {rounds}' for name, rounds in results.items()
              if isinstance(rounds, Failure)]
    if failed:
        return f'{mode.name:24}failed: {"; ".join(failed)}'
    ours, others = ([round_['figure'] for round_ in results[name]] for name in ('adieu', 'other'))
    low, middle, high = median_interval([b / a for a, b in zip(ours, others)])
    verdict = '' if low <= 1 <= high else '  better' if middle > 1 else '  worse'
    return (f'{mode.name:24}{number(statistics.median(ours)):>10}'
            f'{number(statistics.median(others)):>10} {mode.unit:7}'
            f'other / adieu {middle:.3f} ({low:.3f} to {high:.3f}){verdict}')
