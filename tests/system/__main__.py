# SPDX-License-Identifier: ISC
"""Runs the checks of the package and the service: system PACKAGE.deb [NAME...]

Quiet while all is well. Ends with "N passed, M failed", or says why this
machine cannot find out.
"""

import io
import os
import pathlib
import shutil
import sys
import unittest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / 'programs'))

import checks           # noqa: E402
import container        # noqa: E402

MODULES = 'package', 'service', 'newer', 'kernel'


def prepare(package):
    if os.geteuid() != 0:
        raise container.Cannot('only root can start a container')
    for program in 'debootstrap', 'systemd-nspawn', 'nsenter':
        if shutil.which(program) is None:
            raise container.Cannot(f'there is no {program}')
    checks.PACKAGE['path'] = os.path.abspath(package)
    tree = container.make_tree('base', container.find_origin()[0], container.depends(package))
    checks.PACKAGE['tree'] = tree
    container.Container(tree).stop()


def show(failed):
    for check, traceback in failed:
        print(f'--- {check}\n{traceback}')
        journal = container.FOLDER / 'journal' / f'{check.id()}.log'
        if journal.exists():
            print(f'{journal}:\n{journal.read_text()}')


def main(package, *names):
    try:
        prepare(package)
    except container.Cannot as reason:
        print(f'skipped: {reason}\n0 passed, 0 failed, 1 skipped')
        return 0
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f'*{name}*' for name in names] or None
    said = io.StringIO()
    runner = unittest.TextTestRunner(sys.stderr if sys.stderr.isatty() else said, verbosity=2)
    result = runner.run(loader.loadTestsFromNames(MODULES))
    bad = result.failures + result.errors
    show(bad)
    for check, reason in result.skipped:
        print(f'skipped: {check}: {reason}')
    print(f'{result.testsRun - len(bad) - len(result.skipped)} passed, {len(bad)} failed')
    return 0 if result.wasSuccessful() and result.testsRun else 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
