#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
Measures adieu against its peers and against the limit; see README.md.

  bench.py                        everything: 15 to 20 minutes, writes RESULTS.md
  bench.py --quick                does all of it work? no times are judged
  bench.py --only 'down-*,echo'   these modes
  bench.py --ab OTHER             this build of adieu against another one
"""

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import machine
import measure
import modes
import plot
import proxies
import report

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / 'build'
AB_ROUNDS = 11
FOREIGN = 0.03               # more than this is worth a warning
ACCOUNT_PART, ACCOUNT_REST = 0.01, 50_000_000   # what it may be off: a part, and ns for the exit


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.strip(),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--adieu', type=Path, default=BUILD / 'adieu', metavar='PATH')
    parser.add_argument('--ab', type=Path, metavar='OTHER', help='another adieu to compare with')
    parser.add_argument('--only', metavar='MODE,...', help='names, how they begin, or wildcards')
    parser.add_argument('--proxies', metavar='NAME,...', help='only these')
    parser.add_argument('--rounds', type=int, metavar='N')
    parser.add_argument('--quick', action='store_true', help='a smoke test')
    parser.add_argument('--list', action='store_true', help='name the modes and end')
    parser.add_argument('--tools', type=Path, default=BUILD / 'bench', metavar='FOLDER',
                        help='where load and serve are')
    parser.add_argument('--out', type=Path, metavar='FOLDER',
                        help='write RESULTS.md, results.json and plots there')
    return parser.parse_args()


def die(said):
    sys.exit(f'bench: {said}')


def split(names):
    return [name for name in (names or '').split(',') if name]


# ---- preparations ----

def build(options):
    if options.tools == BUILD / 'bench':
        if not (BUILD / 'build.ninja').exists():
            die(f'{BUILD} is not there yet: ./dev build')
        done = subprocess.run(['ninja', '-C', BUILD, 'adieu', 'bench/load', 'bench/serve'],
                              capture_output=True, text=True)
        if done.returncode != 0:
            die(done.stdout)
    for program in options.adieu, options.ab, options.tools / 'load', options.tools / 'serve':
        if program is not None and not os.access(program, os.X_OK):
            die(f'{program} is not there')


def choose_modes(options):
    every = modes.every(machine.most_relays(machine.raise_descriptors()))
    if options.only:
        every, unmatched = modes.select(every, split(options.only))
        if unmatched:
            die(f'there is no mode "{unmatched[0]}"; see --list')
    if options.quick:
        every = list(modes.quick(every))
    return every


def choose_proxies(options, folder, core):
    serve = options.tools.resolve() / 'serve'
    there = proxies.prepare(folder, options.adieu.resolve(), serve, core)
    if options.ab:
        there = {'adieu': there['adieu'],
                 'other': proxies.other_adieu(options.ab.resolve(), folder, core)}
    wanted = split(options.proxies) or list(there)
    for name in wanted:
        if name not in there:
            die(f'{name} is not there, but {", ".join(there)}')
    return [there[name] for name in wanted]


def rounds_of(mode, options):
    """Of everybody, and more of those that are close to each other."""
    if options.rounds:
        return options.rounds, 0
    return (AB_ROUNDS, 0) if options.ab and not options.quick else (mode.rounds, mode.more)


# ---- one run ----

class Run:
    def __init__(self, options, folder):
        proxy_core, load_core = machine.cores()
        os.sched_setaffinity(0, {load_core})
        self.options = options
        self.proxies = choose_proxies(options, folder, proxy_core)
        self.roles = {proxy.name: proxy.role for proxy in self.proxies}
        self.backend = proxies.backend(options.tools.resolve() / 'serve', folder, load_core)
        self.proxy_core = proxy_core
        self.measured = []   # (mode, results, rows)
        self.wrong = []      # with the account

    def __enter__(self):
        self.backend.start()
        return self

    def __exit__(self, *_):
        for server in [*self.proxies, self.backend]:
            self.stop(server)

    def stop(self, server):
        """The account ends here, so it can be proved: against what the kernel tells a parent."""
        if server.process is None:
            return
        alone, counted = len(server.pids()) == 1, server.cpu()
        used = server.stop()
        if alone and abs(used - counted) > ACCOUNT_PART * used + ACCOUNT_REST:
            self.wrong.append(f'{server.name} has used {used / 1e6:.0f} ms of CPU time, but '
                              f'{counted / 1e6:.0f} ms were counted')

    def modes(self, chosen):
        bench = measure.Bench(self.options.tools.resolve() / 'load', self.backend, self.proxies,
                              self.proxy_core, haste=self.options.quick)
        for mode in chosen:
            results = bench.run(mode, *rounds_of(mode, self.options))
            rows = report.make_rows(results, self.roles)
            self.measured.append((mode, results, rows))
            print(report.compare(mode, results) if self.options.ab else report.text(mode, rows),
                  flush=True)

    def failures(self):
        return self.wrong + [f'{mode.name}, {row.name}: {row.failure}' for mode, _, rows
                             in self.measured for row in rows if row.failure is not None]

    def foreign(self):
        """What part of the proxy's core has gone to programs that have no part in this."""
        parts = [round_['foreign'] for _, results, _ in self.measured
                 for rounds in results.values() if isinstance(rounds, list)
                 for round_ in rounds if 'foreign' in round_]
        return statistics.mean(parts) if parts else 0

    def ours_failed(self):
        return bool(self.wrong) or any(row.failure is not None and row.role != 'peer'
                                       for _, _, rows in self.measured for row in rows)


def draw(run, folder):
    """{name of a mode, or "growth": file}"""
    pictures = {mode.name: plot.bars(mode, results, rows) for mode, results, rows in run.measured}
    pictures['growth'] = plot.growth(report.growth(run.measured))
    (folder / 'plots').mkdir(parents=True, exist_ok=True)
    drawn = {name: f'plots/{name}.svg' for name, picture in pictures.items() if picture is not None}
    for name, file in drawn.items():
        (folder / file).write_text(pictures[name])
    return drawn


def write(run, folder, started):
    plots = draw(run, folder)
    described, versions = machine.describe(), proxies.versions(run.options.adieu)
    minutes = (datetime.datetime.now() - started).total_seconds() / 60
    note = (f'{started:%Y-%m-%d}, in {minutes:.0f} minutes. Other programs took '
            f'{run.foreign() * 100:.1f} % of the proxies\' core meanwhile.')
    (folder / 'RESULTS.md').write_text(
        report.results_md(described, versions, note, run.measured, plots))
    (folder / 'results.json').write_text(json.dumps({
        'date': f'{started:%Y-%m-%d %H:%M}', 'foreign': run.foreign(), 'machine': described,
        'versions': versions, 'modes': {mode.name: report.as_json(mode, results, rows)
                                        for mode, results, rows in run.measured},
    }, indent=1, ensure_ascii=False) + '\n')


def main():
    options = arguments()
    started = datetime.datetime.now()
    machine.search_sbin()
    chosen = choose_modes(options)
    if options.list:
        print('\n'.join(f'{mode.name:24}{mode.title}' for mode in chosen))
        return 0
    build(options)
    if not options.quick and not options.ab:
        machine.install_peers()
    machine.private_network()
    with tempfile.TemporaryDirectory(prefix='adieu-bench-') as folder:
        Path(folder).chmod(0o755)   # some proxies change to another user
        with Run(options, Path(folder)) as run:
            run.modes(chosen)
    if report.growth(run.measured) and not options.ab:
        print(report.growth_text(run.measured))
    full = not (options.quick or options.ab or options.only or options.proxies)
    if options.out or full:
        write(run, options.out or HERE, started)
    if run.foreign() > FOREIGN:
        machine.warn(f'other programs took {run.foreign() * 100:.0f} % of the proxies\' core: '
                     'the figures are noisy')
    for failure in run.failures():
        machine.warn(f'failed: {failure}')
    return 1 if run.ours_failed() else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except proxies.Failure as failure:
        die(failure)
