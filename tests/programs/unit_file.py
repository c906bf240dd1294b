#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The systemd units: known keys only, and hardly any rights."""

import pathlib
import re
import subprocess

import harness

UNITS = harness.SOURCE / 'systemd'
MOST_EXPOSED = 1.6


class UnitFile(harness.Checks):

    def setUp(self):
        super().setUp()
        if subprocess.run(['sh', '-c', 'command -v systemd-analyze'], capture_output=True,
                          check=False).returncode != 0:
            self.skipTest('there is no systemd-analyze here')

    def analyze(self, *arguments):
        return subprocess.run(['systemd-analyze', *arguments], capture_output=True, text=True,
                              timeout=harness.PATIENCE, check=False)

    def test_systemd_knows_every_key(self):
        for unit in UNITS.glob('adieu.s[eo]*'):
            # With a program that exists, which ours need not yet.
            pathlib.Path(self.path(unit.name)).write_text(
                unit.read_text().replace('/usr/sbin/adieu', '/bin/true'))
        self.expect_good('adieu.service')
        self.expect_good('adieu.socket')

    def expect_good(self, name):
        # It finds fault on stderr alone.
        done = self.analyze('verify', '--man=no', self.path(name))
        if 'Failed to initialize manager' in done.stderr:
            self.skipTest('systemd-analyze cannot verify here: ' + done.stderr)
        self.assertEqual((done.returncode, done.stderr), (0, ''))

    def test_it_is_hardly_exposed(self):
        done = self.analyze('security', '--offline=yes', str(UNITS / 'adieu.service'))
        level = re.search(r'exposure level for adieu.service: ([0-9.]+)', done.stdout)
        if level is None:
            self.skipTest('systemd-analyze cannot judge here: ' + done.stderr)
        self.assertLessEqual(float(level[1]), MOST_EXPOSED)


if __name__ == '__main__':
    harness.main()
