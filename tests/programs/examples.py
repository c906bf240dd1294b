#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""conf/adieu.ini and each file of conf/examples: it starts, listens, serves and ends well.

What differs from a machine that it is meant for: files are in a folder of the
check's own, ports are free ones of loopback, and every server is one that echoes.
"""

import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess

import harness

CONF = harness.SOURCE / 'conf'


class Examples(harness.Checks):

    def setUp(self):
        super().setUp()
        self.backend = harness.EchoBackend()
        self.addCleanup(self.backend.stop)
        self.context = ssl.create_default_context(cafile=self.cert)

    def test_each_of_them(self):
        paths = [CONF / 'adieu.ini', *sorted((CONF / 'examples').glob('*.ini'))]
        self.assertGreater(len(paths), 5)
        for path in paths:
            with self.subTest(path.name):
                self.try_one(path.name, path.read_text())

    def try_one(self, name, text):
        folder = self.path(name)
        os.mkdir(folder)
        config = self.adapt(text, folder)
        daemon = harness.Daemon(config, folder)
        try:
            wanted = sum(len(line.split(';')[0].split(',')) for line in config.splitlines()
                         if re.match('bind *=', line))
            listens = daemon.wait('listen', count=wanted)
            self.assertEqual(len(listens), wanted)
            if not re.search('tls *= *yes', config):
                for listen in listens:
                    self.visit(listen, 'client-auth = require' in config)
        finally:
            complaint = daemon.stop()
        self.assertIsNone(complaint, complaint)

    def adapt(self, text, folder):
        text = re.sub(r'(= *|, *)(:|\[::1\]:|127\.0\.0\.1:)[0-9]+', self.move, text)
        text = re.sub(r'^server = .*', f'server = {self.backend.address}', text,
                      flags=re.MULTILINE)
        # A list of servers becomes one.
        text = re.sub(rf'^(server = {self.backend.address})\n(\1\n)+', r'\1\n', text,
                      flags=re.MULTILINE)
        text = re.sub(r'unix:/run/app/[a-z.]+', self.backend.address, text)
        for path in set(re.findall('= (?:.*, )?(/etc/adieu/[a-z./-]+)', text)) | \
                set(re.findall('= (/etc/adieu/[a-z./-]+),', text)):
            self.provide(folder + path, path)
        os.makedirs(f'{folder}/run/adieu', exist_ok=True)
        return re.sub(r'/(etc|run)/adieu', rf'{folder}/\1/adieu', text)

    def move(self, found):
        """Where it listens; other addresses are servers."""
        line = found.string[found.string.rfind('\n', 0, found.start()) + 1:found.start()]
        if line.startswith('bind'):
            return f'{found[1]}127.0.0.1:0'
        return f'{found[1]}{self.backend.address}'

    def provide(self, path, name):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if name.endswith('certs'):
            os.mkdir(path)
            self.provide(f'{path}/localhost.pem', 'localhost.pem')
        elif name.endswith('tickets.key'):
            pathlib.Path(path).write_bytes(os.urandom(80))
        elif name.endswith('.crl'):
            self.make_crl(path)
        elif name.endswith(('key.pem', '.key', 'privkey.pem')):
            shutil.copy(self.key, path)
        else:
            # Where no key is named it is in here, and elsewhere it does no harm.
            pathlib.Path(path).write_text(pathlib.Path(self.cert).read_text()
                                          + pathlib.Path(self.key).read_text())
        os.chmod(path, 0o700 if os.path.isdir(path) else 0o600)

    def make_crl(self, path):
        """Of what the authority of the check has revoked: nothing."""
        pathlib.Path(self.path('ca.cnf')).write_text(
            '[ca]\ndefault_ca = this\n[this]\ndatabase = index.txt\ndefault_md = sha256\n')
        pathlib.Path(self.path('index.txt')).touch()
        subprocess.run(['openssl', 'ca', '-config', 'ca.cnf', '-cert', self.cert, '-keyfile',
                        self.key, '-gencrl', '-crldays', '1', '-out', path],
                       check=True, capture_output=True, cwd=self.folder)

    def visit(self, listen, wants_certificate):
        if listen['address'].startswith('unix:'):
            client = socket.socket(socket.AF_UNIX)
            client.connect(listen['address'].removeprefix('unix:'))
        else:
            client = socket.create_connection(harness.split_address(listen['address']),
                                              harness.PATIENCE)
        with client:
            if wants_certificate:
                return          # client_certificates.py has clients that have one
            if listen['mode'] == 'tls':
                client = self.context.wrap_socket(client, server_hostname='localhost')
            client.sendall(b'hello')
            self.assertEqual(client.recv(5), b'hello')
            client.close()


if __name__ == '__main__':
    harness.main()
