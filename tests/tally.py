#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Adds up what test runs say: tally.py TESTLOG.json...

Meson counts test programs; a reader wants to know how many promises were
checked, and that is what every program says in the line Check ends with. A
program that fails without owning up to it (it crashed, hung or left something
behind) counts as one failure more; one that has nothing to say counts as one
check. Shows what the failed ones printed, and ends with "N passed, M failed".
"""

import json
import re
import sys

SUMMARY = re.compile(r'^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$', re.MULTILINE)
MOST_LINES = 300


def count(test):
    """What one test program checked: (passed, failed, skipped)."""
    if test['result'] == 'SKIP':
        return 0, 0, 1
    ended_well = test['result'] == 'OK'
    sums = [tuple(map(int, found)) for found in SUMMARY.findall(test.get('stdout', ''))]
    if not sums:
        return int(ended_well), int(not ended_well), 0
    checks = sum(s[0] for s in sums)
    failed = sum(s[1] + s[2] for s in sums)
    return checks - failed, failed or int(not ended_well), 0


def show(test):
    print(f'--- {test["name"]}: {test["result"]} (status {test["returncode"]})')
    for stream in ('stdout', 'stderr'):
        lines = test.get(stream, '').splitlines()
        if len(lines) > MOST_LINES:
            print(f'({len(lines) - MOST_LINES} lines left out)')
        print('\n'.join(lines[-MOST_LINES:]))


def main(paths):
    totals = [0, 0, 0]
    for path in paths:
        with open(path, encoding='utf-8') as records:
            for test in map(json.loads, records):
                counts = count(test)
                totals = [a + b for a, b in zip(totals, counts)]
                if counts[1]:
                    show(test)
    passed, failed, skipped = totals
    print(f'{passed} passed, {failed} failed' + (f', {skipped} skipped' if skipped else ''))
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
