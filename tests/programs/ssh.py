#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""ssh and scp through TLS, the way people pass a firewall; and half-closes.

An ssh connection carries both directions at once and ends in an exchange of
its own: whatever a relay loses, reorders or cuts, ssh calls a corrupted MAC.
"""

import getpass
import os
import pathlib
import shlex
import shutil
import socket
import subprocess
import threading

import harness

BIG = 30 << 20


class Ssh(harness.Checks):

    def setUp(self):
        super().setUp()
        harness.need('sshd', 'ssh', 'scp', 'ssh-keygen')
        host, port = harness.free_address()
        for name in 'host_key', 'user_key':
            self.run_program(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', self.path(name)])
        host_key = pathlib.Path(self.path('host_key.pub')).read_text()
        pathlib.Path(self.path('known_hosts')).write_text(f'behind-adieu {host_key}')
        if os.geteuid() == 0:
            os.makedirs('/run/sshd', 0o755, exist_ok=True)
        # sshd insists on its full path, since it executes itself anew for each client.
        self.serve([shutil.which('sshd'), '-D', '-e', '-f', '/dev/null', '-h',
                    self.path('host_key'), *self.sshd_options(host, port)], (host, port))
        self.adieu = self.start(self.listener('ssh', f'{host}:{port}'))
        self.data = os.urandom(BIG)
        pathlib.Path(self.path('data')).write_bytes(self.data)

    def sshd_options(self, host, port):
        options = {
            'ListenAddress': f'{host}:{port}',
            'AuthorizedKeysFile': self.path('user_key.pub'),
            'StrictModes': 'no',
            'PermitRootLogin': 'yes',
            'PasswordAuthentication': 'no',
            'PidFile': 'none',
            'Subsystem': 'sftp internal-sftp',
            # root has no password in many containers, which to sshd alone means locked.
            'UsePAM': 'yes' if os.geteuid() == 0 else 'no',
        }
        return [f'-o{key}={value}' for key, value in options.items()]

    def ssh_options(self):
        address = '%s:%d' % self.adieu.address('ssh')
        proxy = ['openssl', 's_client', '-quiet', '-verify_quiet', '-connect', address,
                 '-CAfile', self.cert, '-verify_return_error', '-verify_hostname', 'localhost']
        options = {
            'ProxyCommand': shlex.join(proxy),
            'IdentityFile': self.path('user_key'),
            'UserKnownHostsFile': self.path('known_hosts'),
            'StrictHostKeyChecking': 'yes',
            'BatchMode': 'yes',
            'User': getpass.getuser(),
        }
        return ['-F', '/dev/null', *(f'-o{key}={value}' for key, value in options.items())]

    def test_30_mb_by_scp_arrive_as_they_are_in_either_direction(self):
        for source, target in (('data', 'behind-adieu:there'), ('behind-adieu:there', 'back')):
            source, target = (name.replace(':', f':{self.folder}/') if ':' in name
                              else self.path(name) for name in (source, target))
            self.run_program(['scp', '-q', *self.ssh_options(), source, target])
        self.assertTrue(pathlib.Path(self.path('back')).read_bytes() == self.data)

    def test_30_mb_pass_in_both_directions_at_once(self):
        back = self.run_program(['ssh', *self.ssh_options(), 'behind-adieu', 'cat'],
                                input=self.data)
        self.assertTrue(back == self.data)

    def test_the_end_of_standard_input_is_passed_and_the_answer_comes_back(self):
        answer = self.run_program(['ssh', *self.ssh_options(), 'behind-adieu', 'sha256sum'],
                                  input=self.data)
        self.assertEqual(answer, self.run_program(['sha256sum'], input=self.data))


class HalfClose(harness.Checks):
    """sha256sum answers when its input has ended; before, it has nothing to say."""

    def setUp(self):
        super().setUp()
        self.listening = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(self.listening.close)
        self.listening.settimeout(harness.PATIENCE)
        backend = '127.0.0.1:%d' % self.listening.getsockname()[1]
        self.adieu = self.start(self.listener('tls', backend), self.plain_listener('bare', backend))
        self.data = os.urandom(BIG)
        self.sum = self.run_program(['sha256sum'], input=self.data)
        thread = threading.Thread(target=self.serve_sha256sum)
        thread.start()
        self.addCleanup(thread.join)

    def serve_sha256sum(self):
        connection, _ = self.listening.accept()
        with connection:
            subprocess.run(['sha256sum'], stdin=connection, stdout=connection, check=True)

    def test_a_plaintext_client_that_shuts_its_side_down_gets_the_answer(self):
        with socket.create_connection(self.adieu.address('bare'), harness.PATIENCE) as client:
            client.sendall(self.data)
            client.shutdown(socket.SHUT_WR)
            with client.makefile('rb') as answer:
                self.assertEqual(answer.read(), self.sum)
        self.adieu.wait('relay', first='client', client_end='fin', backend_end='fin')

    def test_gnutls_cli_that_says_close_notify_gets_the_answer(self):
        harness.need('gnutls-cli')
        host, port = self.adieu.address('tls')
        answer = self.run_program(['gnutls-cli', '--logfile', '/dev/null', '--x509cafile',
                                   self.cert, '--port', str(port), host], input=self.data)
        self.assertEqual(answer, self.sum)
        self.adieu.wait('relay', first='client', **harness.CLEAN)


if __name__ == '__main__':
    harness.main()
