# SPDX-License-Identifier: ISC
"""The package: what comes with it, what it starts, what is left when it is gone."""

import re

import checks
import container
import harness

README = (harness.SOURCE / 'README.md').read_text()
# What any package leaves, and whatever else goes on in a Debian: logs, caches, dpkg's and
# systemd's own notes. And the account, which may own files somewhere.
OF_OTHERS = re.compile('/(proc|sys|dev|run|tmp|root|var/log|var/cache|var/lib/(dpkg|systemd|apt))/|'
                       '/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|/etc/[.]pwd[.]lock$|'
                       '/usr/share/man$')


def readme_block(heading, language):
    """The first block of code in a section."""
    section = README.split(f'\n## {heading}\n')[1]
    return section.split(f'```{language}\n')[1].split('```')[0]


class Package(checks.Checks):

    def files(self):
        found = self.run_in('find', '/', '-xdev', '-not', '-type', 'd').splitlines()
        return {path for path in found if not OF_OTHERS.match(path)}

    def test_installing_it_starts_nothing(self):
        self.install()
        self.assertEqual(self.show('UnitFileState'), 'disabled')
        self.assertEqual(self.show('ActiveState'), 'inactive')
        self.assertEqual(self.run_in('ss', '--listening', '--tcp', '--no-header', 'sport != 8080'),
                         '')
        account = self.run_in('getent', 'passwd', 'adieu')
        self.assertRegex(account, '^adieu:.*:/nonexistent:.*nologin$')
        for folder, mode in ('/run/adieu', '755'), ('/var/log/adieu', '750'):
            self.assertEqual(self.run_in('stat', '--format=%U:%G %a', folder),
                             f'adieu:adieu {mode}')

    def test_a_newcomer_has_a_service_after_what_the_readme_says(self):
        five_lines = readme_block('Use it', 'ini').replace('/etc/ssl/site', '/etc/adieu')
        self.assertEqual(five_lines.count('\n'), 5)
        self.machine.copy(checks.PACKAGE['path'], '/root/adieu_1_all.deb')
        self.place_certificate('/root')
        editor = f'#!/bin/sh\ncat >"$1" <<"END"\n{five_lines}END\n'
        self.run_in('sh', '-c', 'cat >/root/editor; chmod 755 /root/editor', input=editor)
        self.run_in('sh', '-e', input='cd /root; EDITOR=./editor\n'
                    + readme_block('Run it as a service', 'sh'))
        self.assertEqual(self.show('ActiveState'), 'active')
        self.assertEqual(self.show('UnitFileState'), 'enabled')
        self.expect_service()
        self.assertIn('Serving 1 listener', self.run_in('systemctl', 'status', 'adieu'))

    def test_a_newer_package_takes_over_without_cutting_anybody(self):
        self.serve_echo()
        client = self.connect()
        self.exchange(client)
        old = self.show('MainPID')
        self.run_in('dpkg', '--install', '/root/adieu.deb')
        harness.wait_until(lambda: self.show('MainPID') not in (old, '0'), 'another process')
        self.exchange(client)
        self.expect_service()
        self.part(client)
        harness.wait_until(lambda: not self.machine.path(f'/proc/{old}').exists(), 'the old end')
        self.expect_service()
        self.assertEqual(self.show('NRestarts'), '0')
        for event in self.wait_event('relay', count=3):
            self.assertEqual((event['client-end'], event['backend-end']), ('close_notify', 'fin'))

    def test_a_newer_package_starts_nothing_that_did_not_run(self):
        self.install()
        self.run_in('dpkg', '--install', '/root/adieu.deb')
        self.assertEqual(self.show('ActiveState'), 'inactive')
        self.assertEqual(self.show('UnitFileState'), 'disabled')

    def test_purging_it_leaves_only_what_the_operator_has_put_there(self):
        before = self.files()
        self.serve_echo(log='file:/var/log/adieu/adieu.log')
        self.run_in('systemctl', 'enable', 'adieu')
        self.expect_service()
        self.run_in('dpkg', '--remove', 'adieu')
        self.assertEqual(self.show('ActiveState'), 'inactive')
        self.assertTrue(self.machine.path(checks.CONFIG).exists())
        self.assertTrue(self.machine.path('/var/log/adieu/adieu.log').exists())
        self.run_in('dpkg', '--purge', 'adieu')
        self.assertEqual(self.files() - before,
                         {'/etc/adieu/fullchain.pem', '/etc/adieu/privkey.pem'})
        self.assertEqual(before - self.files(), set())
        self.assertEqual(self.run_in('find', '/run', '/var', '-name', '*adieu*', '-not', '-path',
                                     '/var/lib/dpkg/*'), '')
