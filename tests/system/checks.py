# SPDX-License-Identifier: ISC
"""What the checks of the service share: a machine of its own for each, with the package.

In it the service listens where its configuration says, on the loopback of that
machine; clients and backends are here, and their sockets there.
"""

import json
import os
import pathlib
import socket
import ssl

import container
import harness

CONFIG = '/etc/adieu/adieu.ini'
PACKAGE = {}            # 'path', and a 'tree' it goes into: set by whoever runs the checks


class Checks(harness.Checks):

    def setUp(self):
        super().setUp()
        self.machine = self.boot()
        self.addCleanup(self.machine.stop)
        self.addCleanup(self.keep_journal)
        self.run_in = self.machine.run
        self.context = ssl.create_default_context(cafile=self.cert)
        with self.machine.network():
            self.backend = harness.EchoBackend(8080)
        self.addCleanup(self.backend.stop)

    def boot(self):
        return container.Container(PACKAGE['tree'])

    def keep_journal(self):
        """For whoever asks why."""
        path = container.FOLDER / 'journal' / f'{self.id()}.log'
        path.parent.mkdir(exist_ok=True)
        path.write_text(self.machine.ask('journalctl', '--no-pager', '--unit=adieu'))

    # ---- the service ----

    def install(self):
        """As it is after the package, with a certificate."""
        self.machine.copy(PACKAGE['path'], '/root/adieu.deb')
        self.run_in('dpkg', '--install', '/root/adieu.deb')
        self.prepare_certificate()

    def prepare_certificate(self):
        self.place_certificate('/etc/adieu')
        self.run_in('sh', '-c', 'chgrp adieu /etc/adieu/*.pem; chmod 640 /etc/adieu/*.pem')

    def place_certificate(self, folder):
        self.machine.copy(self.cert, f'{folder}/fullchain.pem')
        self.machine.copy(self.key, f'{folder}/privkey.pem')

    def configure(self, *lines, bind='127.0.0.1:443', backend='127.0.0.1:8080'):
        """A listener, and behind it more lines."""
        self.machine.path(CONFIG).write_text('\n'.join([
            '[listener:https]', f'bind = {bind}', 'cert = /etc/adieu/fullchain.pem',
            'key = /etc/adieu/privkey.pem', f'backend = {backend}', *lines, '']))

    def drop_in(self, *lines):
        """More for the unit."""
        folder = self.machine.path('/run/systemd/system/adieu.service.d')
        folder.mkdir(parents=True, exist_ok=True)
        (folder / 'check.conf').write_text('\n'.join(['[Service]', *lines, '']))
        self.run_in('systemctl', 'daemon-reload')

    def serve_echo(self, *lines, log='journal', **options):
        """From nothing to a service that has been started."""
        self.install()
        self.configure('[global]', f'log = {log}', 'drain-spread = no', *lines, **options)
        self.run_in('systemctl', 'start', 'adieu')

    def show(self, name, unit='adieu'):
        return self.machine.ask('systemctl', 'show', '--value', f'--property={name}', unit)

    def wait_for(self, name, wanted):
        harness.wait_until(lambda: self.show(name) == wanted, f'{name}={wanted}')

    def events(self, name, **wanted):
        """What it has logged in its journal, as fields."""
        lines = self.machine.ask('journalctl', '--no-pager', '--output=json', '--unit=adieu',
                                 f'ADIEU_EVENT={name}').splitlines()
        found = [{key[6:].lower().replace('_', '-'): value
                  for key, value in json.loads(line).items() if key.startswith('ADIEU_')}
                 for line in lines]
        wanted = {key.replace('_', '-'): value for key, value in wanted.items()}
        return [event for event in found if wanted.items() <= event.items()]

    def wait_event(self, name, count=1, **wanted):
        """The journal is written by and by."""
        harness.wait_until(lambda: len(self.events(name, **wanted)) >= count, f'{name} {wanted}')
        return self.events(name, **wanted)

    # ---- its clients ----

    def connect_plain(self, address=('127.0.0.1', 443)):
        with self.machine.network():
            client = socket.create_connection(address, harness.PATIENCE)
        self.addCleanup(client.close)
        return client

    def connect(self):
        client = self.context.wrap_socket(self.connect_plain(), server_hostname='localhost',
                                          suppress_ragged_eofs=False)
        self.addCleanup(client.close)
        return client

    def exchange(self, client, length=65536):
        sent = os.urandom(length)
        client.sendall(sent)
        got = b''
        while len(got) < length:
            part = client.recv(length - len(got))
            self.assertTrue(part, 'an end instead of an answer')
            got += part
        self.assertEqual(got, sent)

    def part(self, client):
        """Ends well, and is told that the other side does."""
        client.unwrap().close()

    def expect_service(self):
        client = self.connect()
        self.exchange(client)
        self.part(client)

    def expect_reset(self, client):
        """At once, without a word in TLS. Python's ssl would call it an end of file."""
        with socket.socket(fileno=os.dup(client.fileno())) as raw, \
                self.assertRaises(ConnectionResetError):
            self.fail(f'{raw.recv(100)} instead of a reset')

    def refuses(self):
        try:
            self.connect_plain().close()
        except ConnectionRefusedError:
            return True
        return False
