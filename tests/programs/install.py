#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What "meson install" leaves behind, put into a folder of the check's own."""

import configparser
import os
import pathlib
import re
import subprocess

import harness

BUILD = os.environ.get('ADIEU_BUILD', str(harness.SOURCE / 'build'))
COMPLETION = '/usr/share/bash-completion/bash_completion'


class Install(harness.Checks):

    def setUp(self):
        super().setUp()
        self.root = pathlib.Path(self.path('root'))
        self.install()

    def install(self):
        harness.need('meson')
        self.run_program(['meson', 'install', '--no-rebuild', '-C', BUILD,
                          '--destdir', str(self.root)])

    def installed(self, name, *folder):
        """The one file of that name, in folders that end so."""
        tail = '/'.join([*folder, name])
        found = [path for path in self.root.rglob(name) if str(path).endswith('/' + tail)]
        self.assertEqual(len(found), 1, f'{tail}: {found}')
        return found[0]

    def test_every_file_is_where_somebody_looks_for_it(self):
        for path in ('sbin/adieu', 'man8/adieu.8', 'man5/adieu.ini.5', 'etc/adieu/adieu.ini',
                     'etc/logrotate.d/adieu', 'systemd/system/adieu.service',
                     'sysusers.d/adieu.conf', 'tmpfiles.d/adieu.conf',
                     'bash-completion/completions/adieu', 'doc/adieu/README.md',
                     'doc/adieu/examples/adieu.ini', 'doc/adieu/examples/adieu.socket',
                     'doc/adieu/examples/https.ini'):
            folder, _, name = path.rpartition('/')
            self.installed(name, *folder.split('/'))

    def test_the_unit_starts_what_is_installed_with_what_is_installed(self):
        unit = configparser.RawConfigParser(strict=False)
        unit.optionxform = str
        unit.read(self.installed('adieu.service'))
        program, option, config = unit['Service']['ExecStart'].split()
        self.assertEqual(option, '-c')
        self.assertTrue(os.access(f'{self.root}{program}', os.X_OK), program)
        self.assertTrue(os.path.exists(f'{self.root}{config}'), config)

    def test_what_an_operator_has_changed_stays(self):
        for path in self.installed('adieu.ini', 'etc', 'adieu'), \
                self.installed('adieu', 'logrotate.d'):
            path.write_text('mine')
        self.install()
        self.assertEqual(self.installed('adieu.ini', 'etc', 'adieu').read_text(), 'mine')
        self.assertEqual(self.installed('adieu', 'logrotate.d').read_text(), 'mine')

    def test_logrotate_understands_its_file(self):
        harness.need('logrotate')
        config = self.installed('adieu', 'logrotate.d')
        # Who does not exist here, as does the folder.
        text = re.sub('^\tsu .*\n', '', config.read_text(), flags=re.MULTILINE)
        config.write_text(text.replace('/var/log', self.folder))
        done = subprocess.run(['logrotate', '--debug', '--state', self.path('state'), config],
                              capture_output=True, text=True, timeout=harness.PATIENCE,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn('error:', done.stderr)

    def complete(self, *words):
        """What bash offers for the last of them."""
        if not os.path.exists(COMPLETION):
            self.skipTest('bash-completion is not installed')
        script = ('. "$1"; . "$2"; shift 2; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))\n'
                  'COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; _adieu "$1"\n'
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        offered = self.run_program(
            ['bash', '-c', script, 'bash', COMPLETION,
             self.installed('adieu', 'bash-completion', 'completions'), harness.ADIEU, *words],
            cwd=self.folder).decode()
        return set(offered.split())

    def test_bash_completes_each_option(self):
        told = self.run_program([harness.ADIEU, '--help']).decode()
        options = set(re.findall('--[a-z]+', told.split('\n\n')[1]))
        self.assertEqual(len(options), 6)
        self.assertEqual(self.complete('--'), options)
        self.assertEqual(self.complete('--c'), {'--check', '--config'})

    def test_bash_completes_the_file(self):
        pathlib.Path(self.path('some.ini')).touch()
        for option in '-c', '--config':
            self.assertEqual(self.complete(option, 'so'), {'some.ini'})


if __name__ == '__main__':
    harness.main()
