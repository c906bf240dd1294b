# SPDX-License-Identifier: ISC
"""Debian 13, whose compiler, OpenSSL, libseccomp and systemd are newer ones.

There adieu is built from these sources, tried by the suites that need nothing but
its libraries, and installed as README.md says for who has no package.
"""

import re
import subprocess
import sys
import unittest

import checks
import container
import harness
import service

RELEASE = 'trixie'
WANTED = {'check', 'gcc', 'libc6-dev', 'libevent-dev', 'libinih-dev', 'libseccomp-dev',
          'libssl-dev', 'meson', 'ninja-build', 'openssl', 'pkg-config', 'procps', 'python3',
          'systemd-dev'}
SOURCE, BUILD = '/usr/src/adieu', '/var/build'          # in there
HERE = container.FOLDER / f'{RELEASE}-build'            # BUILD, as it is seen from here
TEST = 'meson', 'test', '-C', BUILD, '--no-rebuild'
LONG = {'timeouts'}     # a minute and a half of our own clocks, which are no library's
AT_ONCE = '6'           # tests, which wait for something most of the time
PATIENCE = 600          # of a compiler, and of hundreds of scenarios
MANUAL = (harness.SOURCE / 'man' / 'adieu.8').read_text()
# What the manual has an operator write into a drop-in.
DROP_IN = MANUAL.split('\n[Service]\n')[1].split('\n.Ed')[0].splitlines()
KNOWN = {}              # the 'tree'; why it 'cannot' be had; what the 'compiler' said


def boot():
    """A container with our sources and what they were built to, which stays from run to run."""
    if 'cannot' in KNOWN:
        raise unittest.SkipTest(KNOWN['cannot'])
    try:
        if 'tree' not in KNOWN:
            KNOWN['tree'] = container.make_tree(RELEASE, RELEASE, WANTED)
        HERE.mkdir(exist_ok=True)
        machine = container.Container(KNOWN['tree'], f'--bind-ro={harness.SOURCE}:{SOURCE}',
                                      f'--bind={HERE}:{BUILD}')
    except container.Cannot as reason:
        KNOWN['cannot'] = f'there is no Debian {RELEASE}: {reason}'
        raise unittest.SkipTest(KNOWN['cannot']) from reason
    try:
        compile_once(machine)
    except BaseException:
        machine.stop()
        raise
    return machine


def compile_once(machine):
    """With every warning an error, as lint does."""
    if 'compiler' not in KNOWN:
        done = machine.enter(['sh', '-ec', f'test -f {BUILD}/build.ninja || meson setup {BUILD} '
                              f'{SOURCE} --prefix=/usr --werror -Dtests=enabled '
                              f'-Dseccomp=enabled; ninja -C {BUILD}'], timeout=PATIENCE)
        KNOWN['compiler'] = '' if done.returncode == 0 else done.stdout + done.stderr
    if KNOWN['compiler']:
        raise AssertionError(f'it does not build:\n{KNOWN["compiler"]}')


class Suites(unittest.TestCase):

    def setUp(self):
        self.machine = boot()
        self.addCleanup(self.machine.stop)

    def expect_good(self, suite):
        record = HERE / 'meson-logs' / f'{suite}.json'
        record.unlink(missing_ok=True)
        listed = self.machine.run(*TEST, '--list', '--suite', suite)
        names = set(re.findall(r' / (\S+)$', listed, re.MULTILINE)) - LONG
        self.machine.enter([*TEST, '--num-processes', AT_ONCE, '--suite', suite, '--logbase', suite,
                            *sorted(names)], timeout=PATIENCE)
        said = subprocess.run([sys.executable, harness.SOURCE / 'tests' / 'tally.py', record],
                              capture_output=True, text=True, check=False)
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)
        return int(said.stdout.split(' passed')[0].rpartition('\n')[2])

    def test_each_module_by_itself_keeps_its_promises(self):
        self.assertGreater(self.expect_good('unit'), 0)

    def test_every_ending_is_what_it_is_with_both_record_layers(self):
        self.assertGreater(self.expect_good('scenario'), 0)


class Installed(checks.Checks):
    """As README.md says for who builds it."""

    boot = staticmethod(boot)

    def install(self):
        self.run_in('meson', 'install', '-C', BUILD, '--no-rebuild', '--quiet')
        self.run_in('sh', '-ec', 'systemd-sysusers; systemd-tmpfiles --create; '
                    'systemctl daemon-reload')
        self.prepare_certificate()


class AsItIsShipped(Installed):
    """Some of what is found out about an older systemd."""


for promise in ('test_it_serves_once_it_is_started',
                'test_it_may_do_nothing_but_bind_low_ports',
                'test_a_transfer_goes_on_when_it_is_stopped', 'expect_transfers_to_go_on',
                'test_a_reload_takes_a_renewed_certificate_and_cuts_nobody',
                'expect_renewed_certificate',
                'test_a_reload_of_a_broken_file_fails_and_changes_nothing',
                'expect_broken_file_to_be_refused'):
    setattr(AsItIsShipped, promise, getattr(service.Service, promise))


class NotifyReload(Installed):
    """With the drop-in that adieu(8) shows, systemd waits until a reload is through."""

    def serve_with(self, *lines):
        self.serve_echo()
        self.drop_in(*lines)
        self.run_in('systemctl', 'restart', 'adieu')
        self.assertEqual(self.show('Type'), 'notify-reload')

    def test_a_reload_takes_a_renewed_certificate_and_cuts_nobody(self):
        self.serve_with(*DROP_IN)
        service.Service.expect_renewed_certificate(self)

    def test_a_reload_of_a_broken_file_fails_and_changes_nothing(self):
        self.serve_with(*DROP_IN)
        service.Service.expect_broken_file_to_be_refused(self)

    def test_a_reload_is_not_over_before_it_is_through(self):
        # What is checked is read from the same pipe, so another command stands for the check.
        self.serve_with(*DROP_IN[:-1], 'ExecReload=/bin/true')
        good = self.machine.path(checks.CONFIG).read_bytes()
        self.run_in('sh', '-ec', f'rm {checks.CONFIG}; mkfifo -m 644 {checks.CONFIG}')
        with self.machine.begin('systemctl', 'reload', 'adieu') as reload:
            self.wait_for('StatusText', 'Reloading')
            self.wait_for('SubState', 'reload-notify')
            self.assertIsNone(reload.poll())
            self.machine.path(checks.CONFIG).write_bytes(good)
            self.assertEqual(reload.wait(harness.PATIENCE), 0)
        self.assertEqual(self.show('StatusText'), 'Serving 1 listener')
        self.assertEqual(len(self.wait_event('reload', result='done')), 1)
        self.expect_service()
