#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The sandbox of its own: what it keeps out, and that reloads and upgrades go on in it."""

import errno
import os
import pathlib
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import unittest

import harness

WORKERS = 2
INTRUDER = os.environ.get('ADIEU_INTRUDER', '')
HAS_SECCOMP = os.environ.get('ADIEU_SECCOMP', '1') == '1'


def threads(pid):
    """What the kernel says of each; the main thread comes first."""
    found = []
    for task in sorted(pathlib.Path(f'/proc/{pid}/task').iterdir(), key=lambda task: int(task.name)):
        lines = (task / 'status').read_text().splitlines()
        found.append(dict(line.split(':\t', 1) for line in lines if ':\t' in line))
    return found


def filters(status):
    return int(status['Seccomp_filters'])


OURS = filters(threads('self')[0])      # that everybody has whom we start


@unittest.skipUnless(HAS_SECCOMP, 'adieu was built without libseccomp')
class Sandbox(harness.Checks):

    def setUp(self):
        super().setUp()
        self.backend = harness.EchoBackend()
        self.addCleanup(self.backend.stop)
        self.heirs = []

    def start(self, *sections, sandbox='yes', more=''):
        self.adieu = super().start(
            f'[global]\nworkers = {WORKERS}\nsandbox = {sandbox}\n{more}', *sections)
        self.addCleanup(self.end_heirs)
        if sandbox == 'yes':
            [event] = self.adieu.wait('sandbox')
            if event['seccomp'] != 'yes' or int(event['landlock']) < 2:
                self.skipTest(f'this kernel or build has not got all of it: {event}')
        return self.adieu

    def end_heirs(self):
        for pid in self.heirs:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass

    def configure(self, *sections, sandbox='yes', more=''):
        pathlib.Path(self.path('adieu.conf')).write_text(harness.inspectable('\n'.join(
            [f'[global]\nworkers = {WORKERS}\nsandbox = {sandbox}\n{more}', *sections])))

    def pid(self):
        return self.heirs[-1] if self.heirs else self.adieu.process.pid

    def reload(self):
        count = len(self.adieu.found('reload', {'result': 'done'})) + 1
        os.kill(self.pid(), signal.SIGHUP)
        self.adieu.wait('reload', count=count, result='done')

    def upgrade(self):
        count = len(self.adieu.found('upgrade', {'result': 'done'})) + 1
        os.kill(self.pid(), signal.SIGUSR2)
        self.heirs.append(int(self.adieu.wait('upgrade', count=count, result='done')[-1]['pid']))

    def elsewhere(self, name):
        """An upgrade knows addresses by how they are written, so that this is another one."""
        return self.plain_listener(name, self.backend.address).replace('127.0.0.1:0', '127.0.0.2:0')

    def expect_echo(self, client):
        with client:
            client.sendall(b'hello')
            self.assertEqual(client.recv(5, socket.MSG_WAITALL), b'hello')

    def expect_service(self, listener='a'):
        """Of the newest listener of that name."""
        address = harness.split_address(self.adieu.wait('listen', listener=listener)[-1]['address'])
        self.expect_echo(socket.create_connection(address, harness.PATIENCE))

    def expect_tls(self, listener, cafile):
        address = harness.split_address(self.adieu.wait('listen', listener=listener)[-1]['address'])
        context = ssl.create_default_context(cafile=cafile)
        with context.wrap_socket(socket.create_connection(address, harness.PATIENCE),
                                 server_hostname='localhost') as client:
            client.sendall(b'hello')
            self.assertEqual(client.recv(5), b'hello')

    def expect_confined(self, heir=False):
        """A filter for the main thread, and one for each other, on top of that if begun under it."""
        if os.environ.get('ADIEU_SANITIZED'):
            return          # it may have a thread of its own, from before
        pid = self.pid()
        wanted = [OURS + 1, OURS + 1 + heir] + [OURS + 2] * WORKERS
        # That of the log comes to it by and by.
        harness.wait_until(lambda: sorted(map(filters, threads(pid))) == wanted,
                           f'{wanted} filters')
        for status in threads(pid):
            self.assertEqual((status['Seccomp'], status['NoNewPrivs']), ('2', '1'))
        self.assertEqual(filters(threads(pid)[0]), OURS + 1)

    def test_every_thread_is_confined_and_those_who_meet_strangers_most(self):
        self.start(self.plain_listener('a', self.backend.address))
        self.assertEqual(self.adieu.found('sandbox', {})[0]['level'], 'info')
        self.expect_service()
        self.expect_confined()

    def preload_intruder(self, **environment):
        if not INTRUDER:
            self.skipTest('a sanitizer has to be loaded first')
        environment |= {'LD_PRELOAD': INTRUDER, 'INTRUDER_FOLDER': self.folder}
        os.environ.update(environment)
        for name in environment:
            self.addCleanup(os.environ.pop, name)

    def intrude(self, thread, *tried):
        """What came of it in that thread, without the sandbox and with it."""
        self.preload_intruder()
        found = []
        for sandbox in 'no', 'yes':
            self.start(self.plain_listener('a', self.backend.address), sandbox=sandbox)
            self.expect_service()
            events = [self.adieu.wait('intruder', thread=thread, tried=one)[0] for one in tried]
            found.append({event['tried']: errno.errorcode.get(int(event['errno']), 'done')
                          for event in events})
        self.assertEqual(found[0], dict.fromkeys(tried, 'done'))
        return found[1]

    def test_an_intruder_in_a_worker_does_nothing_that_carrying_does_not_take(self):
        tried = 'read', 'write', 'bind', 'listen', 'run', 'signal', 'map'
        self.assertEqual(self.intrude('worker', *tried), dict.fromkeys(tried, 'ENOSYS'))

    def test_an_intruder_in_the_main_thread_runs_nothing_and_reaches_nobody(self):
        self.assertEqual(self.intrude('main', 'run', 'memory', 'folder', 'link', 'signal', 'map'),
                         {'run': 'EACCES', 'memory': 'ENOSYS', 'folder': 'ENOSYS',
                          'link': 'ENOSYS', 'signal': 'ENOSYS', 'map': 'done'})

    def test_an_intruder_that_runs_a_program_in_a_worker_is_the_end(self):
        self.preload_intruder(INTRUDER_DEADLY='yes')
        path = pathlib.Path(self.path('deadly.conf'))
        path.write_text(self.plain_listener('a', self.backend.address))
        done = subprocess.run([harness.ADIEU, '-c', str(path)], capture_output=True, check=False,
                              timeout=harness.PATIENCE)
        self.assertEqual(done.returncode, -signal.SIGSYS)

    def test_a_reload_may_bring_anything_anywhere(self):
        self.start(self.plain_listener('a', self.backend.address))
        later = pathlib.Path(self.path('later'))
        later.mkdir()
        (later / 'certs').mkdir()
        self.make_certificate()
        for path in later / 'cert.pem', later / 'certs' / 'cert.pem':
            path.touch(mode=0o600)
            path.write_bytes(b''.join(pathlib.Path(name).read_bytes()
                                      for name in (self.cert, self.key)))
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(later / 'backend'))
            server.listen()
            server.settimeout(harness.PATIENCE)
            port = self.backend.address.split(':')[1]
            self.configure(
                self.plain_listener('a', self.backend.address),
                self.plain_listener('named', f'localhost:{port}'),
                self.plain_listener('unix', f'unix:{later}/backend'),
                self.plain_listener('tls', self.backend.address, f'cert = {later}/cert.pem')
                .replace('mode = tcp\n', ''),
                self.plain_listener('many', self.backend.address, f'cert-dir = {later}/certs')
                .replace('mode = tcp\n', ''),
                self.plain_listener('bound', self.backend.address)
                .replace('127.0.0.1:0', f'unix:{later}/bound'),
                more=f'keylog = {later}/secrets\n')
            self.reload()
            self.expect_service('a')
            self.expect_service('named')
            self.expect_tls('tls', later / 'cert.pem')
            self.expect_tls('many', later / 'cert.pem')
            self.assertIn('SERVER_TRAFFIC_SECRET', (later / 'secrets').read_text())
            with socket.create_connection(self.adieu.address('unix'), harness.PATIENCE) as client:
                client.sendall(b'hello')
                with server.accept()[0] as inner:
                    self.assertEqual(inner.recv(5), b'hello')
        bound = socket.socket(socket.AF_UNIX)
        bound.connect(str(later / 'bound'))
        self.expect_echo(bound)
        self.configure(self.plain_listener('a', self.backend.address))
        self.reload()
        harness.wait_until(lambda: not (later / 'bound').exists(), 'the socket to be removed')
        self.assertEqual(self.adieu.found('reload', {'result': 'failed'}), [])

    def test_a_server_is_verified_by_authorities_that_are_in_a_folder(self):
        """OpenSSL opens it when it meets a certificate, which is in a worker."""
        digest = self.run_program(['openssl', 'x509', '-noout', '-hash', '-in', self.cert])
        os.symlink(self.cert, self.path(f'{digest.decode().strip()}.0'))
        os.environ.update(SSL_CERT_FILE='/nonexistent', SSL_CERT_DIR=self.folder)
        for name in 'SSL_CERT_FILE', 'SSL_CERT_DIR':
            self.addCleanup(os.environ.pop, name)
        host, port = harness.free_address()
        self.start(self.listener('inner', self.backend.address).replace(
                       '127.0.0.1:0', f'{host}:{port}'),
                   f'[backend:tls]\nserver = {host}:{port}\ntls = yes\nserver-name = localhost\n',
                   self.plain_listener('a', 'tls'))
        self.expect_service()

    def test_upgrades_go_on_for_ever(self):
        """Landlock has 16 layers: they must not pile up."""
        self.start(self.listener('a', self.backend.address),
                   self.elsewhere('plain'))
        for _ in range(20):
            self.upgrade()
            self.expect_tls('a', self.cert)
        self.expect_confined(heir=True)
        events = self.adieu.wait('sandbox', count=21, level='info', seccomp='yes')
        self.assertEqual({event['landlock'] for event in events}, {events[0]['landlock']})
        self.assertEqual(self.adieu.found('sandbox', {'level': 'warning'}), [])
        self.reload()
        self.expect_service('plain')

    def test_who_was_root_and_is_nobody_reloads_and_upgrades(self):
        if os.geteuid() != 0:
            self.skipTest('only root can become nobody')
        program = self.path('adieu')
        shutil.copy(harness.ADIEU, program)
        original, harness.ADIEU = harness.ADIEU, program
        try:
            self.start(self.plain_listener('a', self.backend.address), more='user = nobody\n')
        finally:
            harness.ADIEU = original
        self.configure(self.plain_listener('a', self.backend.address),
                       self.elsewhere('b'), more='user = nobody\n')
        self.reload()
        self.upgrade()
        self.expect_service('a')
        self.expect_service('b')
        self.expect_confined(heir=True)
        nobody = str(pwd.getpwnam('nobody').pw_uid)
        for status in threads(self.pid()):
            self.assertEqual(set(status['Uid'].split()), {nobody})

    def test_an_upgrade_switches_it_on_and_only_a_restart_off(self):
        listener = self.plain_listener('a', self.backend.address)
        self.start(listener, sandbox='no')
        self.adieu.wait('sandbox', level='info', key='sandbox', reason='not wanted')
        self.expect_service()
        for status in threads(self.pid()):
            self.assertEqual(filters(status), OURS)
        self.configure(listener)
        self.reload()
        self.adieu.wait('reload', key='sandbox', reason='takes a restart')
        self.upgrade()
        self.adieu.wait('sandbox', seccomp='yes')
        self.expect_service()
        self.expect_confined()
        self.configure(listener, sandbox='no')
        self.upgrade()
        self.adieu.wait('sandbox', level='warning', key='sandbox', reason='takes a restart')
        self.expect_service()
        self.assertEqual(filters(threads(self.pid())[0]), OURS + 1)


if __name__ == '__main__':
    harness.main()
