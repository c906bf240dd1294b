#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What an operator sets: limits, how a drain goes, what the kernel is told, log files."""

import contextlib
import ctypes
import os
import pathlib
import pwd
import resource
import signal
import socket
import ssl
import subprocess

import harness

LIBC = ctypes.CDLL(None, use_errno=True)
PIDFD_GETFD = 438
PTRACE_ATTACH, PTRACE_DETACH, WALL = 16, 17, 0x40000000


class Service(harness.Checks):

    def setUp(self):
        super().setUp()
        self.backend = harness.EchoBackend()
        self.addCleanup(self.backend.stop)

    def connect(self, listener, source='127.0.0.1'):
        client = socket.create_connection(self.adieu.address(listener), harness.PATIENCE,
                                          (source, 0))
        self.addCleanup(client.close)
        return client

    def expect_echo(self, client):
        client.sendall(b'hello')
        self.assertEqual(client.recv(5, socket.MSG_WAITALL), b'hello')

    def expect_reset(self, client):
        with self.assertRaises(ConnectionResetError):
            if not client.recv(1):
                self.fail('a good end')

    def expect_refused(self, listener):
        """The reset may be there before connect() returns."""
        with self.assertRaises(ConnectionResetError):
            if not self.connect(listener).recv(1):
                self.fail('a good end')

    def served(self, listener, **options):
        client = self.connect(listener, **options)
        self.expect_echo(client)
        return client

    def is_served(self, listener):
        try:
            self.served(listener)
        except ConnectionResetError:
            return False
        return True

    def end(self, client):
        before = len(self.adieu.found('relay', {}))
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(client.recv(1), b'')
        self.adieu.wait('relay', count=before + 1)

    def test_a_listener_has_a_limit_of_its_own_which_a_reload_does_not_forget(self):
        narrow = self.plain_listener('narrow', self.backend.address, 'max-connections = 2')
        wide = self.plain_listener('wide', self.backend.address)
        self.adieu = self.start(narrow, wide)
        clients = [self.served('narrow') for _ in range(2)]
        self.expect_refused('narrow')
        self.adieu.wait('refused', listener='narrow', reason='max_connections')
        self.served('wide')
        self.adieu.process.send_signal(signal.SIGHUP)
        self.adieu.wait('reload', result='done')
        self.expect_refused('narrow')
        self.end(clients[0])
        harness.wait_until(lambda: self.is_served('narrow'), 'its place')

    def test_one_address_cannot_take_every_place(self):
        self.adieu = self.start(self.plain_listener('a', self.backend.address, 'max-per-ip = 2'))
        clients = [self.served('a') for _ in range(2)]
        self.expect_refused('a')
        [said] = self.adieu.wait('refused', listener='a', reason='max_per_ip')
        self.assertRegex(said['client'], '^127.0.0.1:[0-9]+$')
        self.served('a', source='127.0.0.2')
        self.end(clients[0])
        harness.wait_until(lambda: self.is_served('a'), 'its place')

    def test_more_than_may_come_in_a_second_are_refused_until_it_is_over(self):
        self.adieu = self.start(
            self.plain_listener('narrow', self.backend.address, 'max-rate = 1'),
            self.plain_listener('wide', self.backend.address))

        self.assertTrue(self.is_served('narrow'))
        # However slow this machine is, two will come in one second.
        harness.wait_until(lambda: not self.is_served('narrow'), 'a refusal')
        self.adieu.wait('refused', listener='narrow', reason='max_rate')
        self.assertTrue(self.is_served('wide'))
        harness.wait_until(lambda: self.is_served('narrow'), 'the next second')

    def may_shake(self):
        context = ssl.create_default_context(cafile=self.cert)
        try:
            context.wrap_socket(self.connect('tls'), server_hostname='localhost').close()
        except ConnectionResetError:
            return False
        return True

    def test_handshakes_that_never_end_take_no_more_than_their_places(self):
        self.adieu = self.start('[global]\nworkers = 1\nmax-handshakes = 3\nlog-level = debug\n',
                                self.listener('tls', self.backend.address),
                                self.plain_listener('plain', self.backend.address))
        waiting = [self.connect('tls') for _ in range(3)]
        self.expect_refused('tls')
        self.adieu.wait('refused', listener='tls', reason='max_handshakes')
        self.served('plain')
        waiting.pop().close()
        self.adieu.wait('handshake')
        harness.wait_until(self.may_shake, 'its place')
        for client in waiting:
            client.close()
        self.adieu.wait('handshake', count=3)

    def keeps_alive(self, *ports):
        """Whether the kernel has a keepalive timer (02) for the connection between them."""
        for line in pathlib.Path('/proc/net/tcp').read_text().splitlines()[1:]:
            words = line.split()
            if [int(words[i].split(':')[1], 16) for i in (1, 2)] == list(ports):
                return words[5].startswith('02')
        raise LookupError(ports)

    def test_silent_peers_are_probed_on_both_sides(self):
        server = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(server.close)
        backend = '127.0.0.1:%d' % server.getsockname()[1]
        self.adieu = self.start(self.plain_listener('on', backend),
                                self.plain_listener('off', backend, 'keepalive = off'))
        sides = {}
        for listener in 'off', 'on':
            client = self.connect(listener)
            inner = server.accept()[0]
            self.addCleanup(inner.close)
            sides[listener] = [(mine.getpeername()[1], mine.getsockname()[1])
                               for mine in (client, inner)]
        # A server is probed once the connection has lasted for a while.
        while not all(self.keeps_alive(*ports) for ports in sides['on']):
            pass
        self.assertFalse(any(self.keeps_alive(*ports) for ports in sides['off']))

    def test_idle_relays_end_one_by_one_in_a_drain_and_a_busy_one_goes_on(self):
        self.adieu = self.start('[global]\nworkers = 1\ndrain-timeout = 4s\n',
                                self.plain_listener('a', self.backend.address))
        idle = [self.served('a') for _ in range(10)]
        busy = self.served('a')
        harness.wait_until(lambda: self.keep(busy, 12), 'a second and more')
        self.adieu.process.send_signal(signal.SIGTERM)
        self.adieu.wait('drain', phase='begin', relays='11')
        while len(self.adieu.found('relay', {'client-end': 'drain'})) < len(idle):
            self.keep(busy, 1)
        self.end(busy)
        self.assertEqual(self.adieu.found('drain', {'phase': 'deadline'}), [])
        ended = self.adieu.found('relay', {'client-end': 'drain'})
        self.assertEqual(len(ended), len(idle))
        self.assertGreater(len({event['time'][:21] for event in ended}), 5)
        for client in idle:
            self.expect_reset(client)

    def test_a_drain_does_not_take_for_idle_who_still_reads_or_waits_for_an_answer(self):
        patient = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(patient.close)
        self.adieu = self.start('[global]\nworkers = 1\ndrain-timeout = 10s\n',
                                self.plain_listener('a', self.backend.address),
                                self.plain_listener('b', '127.0.0.1:%d' % patient.getsockname()[1]))
        slow = socket.socket()
        self.addCleanup(slow.close)
        slow.settimeout(harness.PATIENCE)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(self.adieu.address('a'))
        slow.sendall(b'x' * 200000)     # as much comes back, and fits adieu's kernel
        asking = self.connect('b')
        answering = patient.accept()[0]
        self.addCleanup(answering.close)
        asking.sendall(b'question')
        asking.shutdown(socket.SHUT_WR)
        self.assertEqual(answering.recv(100), b'question')
        hoping = self.connect('b')
        hoping.sendall(b'question')
        thinking = patient.accept()[0]
        self.addCleanup(thinking.close)
        self.assertEqual(thinking.recv(100), b'question')
        idle = [self.served('a') for _ in range(10)]
        busy = self.served('a')
        harness.wait_until(lambda: self.keep(busy, 12), 'a second and more')
        self.adieu.process.send_signal(signal.SIGTERM)
        while len(self.adieu.found('relay', {'client-end': 'drain'})) < 3:
            self.keep(busy, 1)          # and these would have been the first to go
        self.assertEqual(answering.recv(100), b'')
        answering.sendall(b'answer')
        answering.close()
        self.assertEqual(asking.recv(100), b'answer')
        thinking.sendall(b'answer')
        self.assertEqual(hoping.recv(100), b'answer')
        hoping.shutdown(socket.SHUT_WR)
        self.assertEqual(thinking.recv(100), b'')
        thinking.close()
        self.assertEqual(hoping.recv(100), b'')
        left = 200000
        while left > 0:
            left -= len(slow.recv(left))
        for client in slow, busy:
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(client.recv(1), b'')
        for client in idle:
            client.close()
        self.assertEqual(self.adieu.process.wait(harness.PATIENCE), 0)
        self.assertEqual(self.adieu.found('drain', {'phase': 'deadline'}), [])
        self.assertEqual(self.adieu.found('relay', {'id': '1'})[0]['client-end'], 'fin')
        self.assertEqual(self.adieu.found('relay', {'id': '2'})[0]['backend-end'], 'fin')

    def full(self, name):
        """A Unix socket where there is no room for another connection, and its address."""
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(self.path(name))
        server.listen(0)
        while True:
            client = socket.socket(socket.AF_UNIX)
            self.addCleanup(client.close)
            client.setblocking(False)
            try:
                client.connect(self.path(name))
            except BlockingIOError:
                return f'server = unix:{self.path(name)}\n'

    def test_each_server_has_a_connect_timeout_of_its_own(self):
        self.adieu = self.start(self.plain_listener('a', 'both', 'connect-timeout = 300ms'),
                                '[backend:both]\n' + self.full('one') + self.full('other'))
        self.expect_reset(self.connect('a'))
        refused = self.adieu.wait('relay', backend_end='refused:busy')[0]
        self.assertGreaterEqual(float(refused['duration']), 0.6)

    def test_a_server_that_fails_and_one_that_answers_again_are_told_once(self):
        closed = socket.create_server(('127.0.0.1', 0))
        address = closed.getsockname()
        closed.close()
        self.adieu = self.start('[global]\nworkers = 1\n', self.plain_listener('a', 'both'),
                                '[backend:both]\nbalance = first\nserver = 127.0.0.1:%d\n'
                                'server = %s\n' % (address[1], self.backend.address))
        for _ in range(3):
            self.end(self.served('a'))
        failing = '127.0.0.1:%d' % address[1]
        [said] = self.adieu.found('server', {})
        self.assertEqual((said['level'], said['backend'], said['state'], said['reason']),
                         ('warning', failing, 'failed', 'connection_refused'))
        for event in self.adieu.wait('relay', count=3):
            self.assertEqual((event['tried'], event['backend-end']), ('2', 'fin'))
        with socket.create_server(address) as server:
            server.settimeout(harness.PATIENCE)
            client = self.connect('a')
            server.accept()[0].close()
            self.assertEqual(client.recv(1), b'')
        said = self.adieu.wait('server', count=2)[1]
        self.assertEqual((said['level'], said['backend'], said['state']),
                         ('info', failing, 'answers'))

    def keep(self, client, n):
        """Busy: n times a tenth of a second, and an exchange."""
        client.settimeout(0.1)
        for _ in range(n):
            try:
                client.recv(1)
                self.fail('not what it said')
            except TimeoutError:
                pass
            client.settimeout(harness.PATIENCE)
            self.expect_echo(client)
            client.settimeout(0.1)
        client.settimeout(harness.PATIENCE)
        return True

    def socket_of(self, *ports):
        """A copy of the process's own, of the connection between them."""
        pidfd = os.pidfd_open(self.adieu.process.pid)
        self.addCleanup(os.close, pidfd)
        for path in pathlib.Path(f'/proc/{self.adieu.process.pid}/fd').iterdir():
            if not os.readlink(path).startswith('socket:'):
                continue
            fd = LIBC.syscall(PIDFD_GETFD, pidfd, int(path.name), 0)
            if fd < 0:
                self.skipTest('this kernel does not hand over descriptors')
            found = socket.socket(fileno=fd)
            self.addCleanup(found.close)
            try:
                if [found.getsockname()[1], found.getpeername()[1]] == list(ports):
                    return found
            except OSError:         # one without a peer
                pass
        raise LookupError(ports)

    def test_the_kernel_is_told_how_to_treat_connections_on_both_sides(self):
        server = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(server.close)
        backend = '127.0.0.1:%d' % server.getsockname()[1]
        self.adieu = self.start(
            self.plain_listener('set', backend, 'keepalive = 77s', 'user-timeout = 12500ms'),
            self.plain_listener('off', backend, 'keepalive = off', 'user-timeout = off'))
        for listener, alive, idle, gone in ('set', 1, 77, 12500), ('off', 0, None, 0):
            client = self.connect(listener)
            client.sendall(b'h')
            inner = server.accept()[0]
            self.addCleanup(inner.close)
            self.assertEqual(inner.recv(1), b'h')
            for peer in client, inner:
                ours = self.socket_of(peer.getpeername()[1], peer.getsockname()[1])
                said = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                self.assertEqual(said, 1, 'TCP_NODELAY')
                said = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
                self.assertEqual(said, gone, 'TCP_USER_TIMEOUT')
                self.await_keepalive(ours, alive)
                if alive:
                    self.assertEqual(ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), idle)

    @staticmethod
    def await_keepalive(ours, alive):
        """A server is probed once the connection has lasted for a while."""
        harness.wait_until(lambda: ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == alive,
                           f'SO_KEEPALIVE={alive}')

    def test_without_enough_descriptors_it_says_so_and_lets_fewer_in(self):
        listener = self.plain_listener('a', self.backend.address)
        self.adieu = harness.Daemon(
            f'[global]\nworkers = 1\nmax-connections = 1000\n{listener}', self.folder,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)))
        self.addCleanup(self.end_well, self.adieu)
        [said] = self.adieu.wait('limit', limit='open-files', level='warning', allowed='200')
        most = int(said['max-connections'])
        self.assertGreater(most, 5)
        clients = [self.served('a') for _ in range(most)]
        self.expect_refused('a')
        self.adieu.wait('refused', reason='max_connections')
        self.assertEqual(self.adieu.found('accept-paused', {}), [])
        self.end(clients[0])

    def control_group(self, limit):
        """One with so much memory; the path of its list of processes."""
        for root, name in ('memory', 'memory.limit_in_bytes'), ('.', 'memory.max'):
            group = pathlib.Path('/sys/fs/cgroup', root, f'adieu-check-{os.getpid()}')
            try:
                group.mkdir()
            except OSError:
                continue
            self.addCleanup(group.rmdir)
            with contextlib.suppress(OSError):
                (group / name).write_text(str(limit))
                return group / 'cgroup.procs'
        self.skipTest('no control group with a limit of memory can be made here')

    def test_less_memory_than_it_may_come_to_need_is_said(self):
        procs = self.control_group(1 << 26)
        self.adieu = harness.Daemon(self.plain_listener('a', self.backend.address), self.folder,
                                    preexec_fn=lambda: procs.write_text(str(os.getpid())))
        self.addCleanup(self.end_well, self.adieu)
        [ready] = self.adieu.wait('ready')
        [said] = self.adieu.wait('limit', limit='memory', level='warning', allowed=str(1 << 26))
        self.assertEqual(said['needed'], ready['memory-bound'])

    def test_the_watchdog_is_not_fed_while_one_worker_is_stuck(self):
        """The other one, and the main thread, are well."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(self.path('notify'))
            os.environ.update(NOTIFY_SOCKET=self.path('notify'), WATCHDOG_USEC='600000')
            try:
                self.adieu = self.start('[global]\nworkers = 2\n',
                                        self.plain_listener('a', self.backend.address))
            finally:
                del os.environ['NOTIFY_SOCKET'], os.environ['WATCHDOG_USEC']
            manager.settimeout(harness.PATIENCE)
            while manager.recv(4096) != b'WATCHDOG=1':
                pass
            # The last thread is a worker. Only it stops for a debugger.
            worker = max(map(int, os.listdir(f'/proc/{self.adieu.process.pid}/task')))
            if LIBC.ptrace(PTRACE_ATTACH, worker, None, None) != 0:
                self.skipTest('nobody may debug here')
            os.waitpid(worker, WALL)
            manager.settimeout(1)       # nearly twice the time; one may be under way
            with self.assertRaises(TimeoutError):
                for _ in range(3):
                    self.assertEqual(manager.recv(4096), b'WATCHDOG=1')
            LIBC.ptrace(PTRACE_DETACH, worker, None, None)
            manager.settimeout(harness.PATIENCE)
            self.assertEqual(manager.recv(4096), b'WATCHDOG=1')

    # ---- privileges ----

    def test_who_became_somebody_else_removes_its_unix_socket_all_the_same(self):
        if os.geteuid() != 0:
            self.skipTest('only root can become nobody')
        os.mkdir(self.path('sockets'))
        os.chown(self.path('sockets'), pwd.getpwnam('nobody').pw_uid, -1)
        path = self.path('sockets/a')
        self.adieu = self.start('[global]\nuser = nobody\n'
                                + self.plain_listener('a', self.backend.address).replace(
                                    'bind = 127.0.0.1:0', f'bind = unix:{path}'))
        self.assertTrue(os.path.exists(path))
        self.adieu.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.adieu.process.wait(harness.PATIENCE), 0)
        self.assertFalse(os.path.exists(path))

    def test_root_opens_what_it_has_to_and_is_somebody_else_for_good(self):
        if os.geteuid() != 0:
            self.skipTest('only root can become nobody')
        nobody = pwd.getpwnam('nobody')
        os.chmod(self.key, 0o600)
        host = harness.free_address()[0]
        port = next(port for port in range(1023, 0, -1) if self.is_free(host, port))
        section = self.listener('a', self.backend.address).replace('127.0.0.1:0', f'{host}:{port}')
        self.adieu = self.start(f'[global]\nuser = nobody\n{section}')
        for task in pathlib.Path(f'/proc/{self.adieu.process.pid}/task').iterdir():
            lines = (task / 'status').read_text().splitlines()
            status = dict(line.split(':\t', 1) for line in lines if ':\t' in line)
            self.assertEqual(set(status['Uid'].split()), {str(nobody.pw_uid)})
            self.assertEqual(set(status['Gid'].split()), {str(nobody.pw_gid)})
            self.assertNotIn('0', status['Groups'].split())
            for key in 'CapEff', 'CapPrm', 'CapInh', 'CapAmb':
                self.assertEqual(int(status[key], 16), 0, key)
        # And what only root may read it does not read any more, as it said.
        self.assertEqual([(event['file'], event['reason']) for event
                          in self.adieu.wait('unreadable')],
                         [(self.key, 'Permission denied')])
        os.utime(self.key, ns=(1, 1))
        self.adieu.process.send_signal(signal.SIGHUP)
        [said] = self.adieu.wait('reload', result='failed')
        self.assertIn(f'{self.key}: Permission denied', said['reason'])
        context = ssl.create_default_context(cafile=self.cert)
        with context.wrap_socket(socket.create_connection((host, port), harness.PATIENCE),
                                 server_hostname='localhost') as client:
            client.sendall(b'hello')
            self.assertEqual(client.recv(5), b'hello')

    @staticmethod
    def is_free(host, port):
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                return False
        return True

    def complain(self, *arguments):
        """What a start or a check that fails has to say."""
        done = subprocess.run([harness.ADIEU, *arguments], capture_output=True, text=True,
                              timeout=harness.PATIENCE, check=False)
        self.assertEqual(done.returncode, 1)
        return done.stderr

    def test_an_account_that_is_missing_is_missed_by_a_check_too(self):
        config = pathlib.Path(self.path('missed.conf'))
        config.write_text('[global]\nuser = nobody-at-all\n'
                          + self.plain_listener('a', self.backend.address))
        for command in [], ['--check']:
            self.assertIn('[global] user: cannot find nobody-at-all: no such account',
                          self.complain('-c', str(config), *command))

    def test_a_key_that_everybody_may_read_is_refused(self):
        os.chmod(self.key, 0o644)
        config = pathlib.Path(self.path('public.conf'))
        config.write_text(self.listener('a', self.backend.address))
        for command in [], ['--check']:
            self.assertIn(f'{self.key}: everybody may read this private key; chmod o-r',
                          self.complain('-c', str(config), *command))

    def broken(self):
        """Two sections of which no file is of any use, and a backend; what is wrong, by line."""
        self.nonsense = self.path('nonsense')
        pathlib.Path(self.nonsense).write_text('nonsense')
        os.chmod(self.nonsense, 0o600)
        os.mkdir(self.path('empty one'))
        lines = []
        wrong = []

        def add(line, problem=None):
            lines.append(line)
            if problem is not None:
                title = [line for line in lines if line.startswith('[')][-1]
                wrong.append(f'{len(lines)}: {title} {line.split(" ")[0]}: {problem}')

        neither = ', nor anything else in PEM'
        add('[listener:a]')
        add('bind = 127.0.0.1:0')
        add('backend = tls')
        add(f'cert = {self.cert}')
        add(f'cert = {self.key}', f'{self.key}: holds no certificate, but "PRIVATE KEY": '
            'cert and key are the wrong way round')
        add(f'key = {self.nonsense}', f'{self.nonsense}: holds no private key{neither}')
        add(f'key = {self.cert}')
        add(f'ticket-keys = {self.nonsense}', f'{self.nonsense}: has 8 bytes, and a ticket key '
            'has 80, not in base64; openssl rand 80')
        add('client-auth = optional')
        add(f'client-ca = {self.cert}')
        add(f'client-ca = {self.nonsense}', f'{self.nonsense}: holds no certificate')
        add('[listener:b]')
        add('bind = 127.0.0.1:0')
        add('backend = tls')
        add(f'cert-dir = {self.path("empty one")} , {self.folder}/empty one',
            f'{self.path("empty one")}: there is no certificate that works')
        add('[route:r]')
        add('listener = a')
        add('sni = localhost')
        add('client-auth = require')
        add(f'client-ca = {self.cert}')
        add(f'client-crl = {self.cert}', f'{self.cert}: holds no CRL')
        add('[backend:tls]')
        add(f'server = {self.backend.address}')
        add('tls = yes')
        add(f'ca = {self.cert}')
        add(f'cert = {self.cert}', f'{self.cert}: holds no private key, but "CERTIFICATE", and '
            'there is no key beside it')
        return '\n'.join(lines) + '\n', wrong

    def test_all_files_that_are_of_no_use_are_told_with_their_lines(self):
        text, wrong = self.broken()
        config = pathlib.Path(self.path('adieu.conf'))
        config.write_text(text)
        # What servers are shown is not explained.
        for command, count in ([], len(wrong)), (['--check'], len(wrong)), \
                (['--explain'], len(wrong) - 1):
            said = self.complain('-c', str(config), *command).splitlines()
            self.assertEqual([line for line in said
                              if 'warning' not in line and not line.startswith('time=')],
                             [f'{config}:{line}' for line in wrong[:count]])
        adieu = self.start(self.plain_listener('a', self.backend.address))
        config.write_text(text)
        adieu.process.send_signal(signal.SIGHUP)
        [said] = adieu.wait('reload', result='failed')
        self.assertEqual(said['reason'], f'{config}:{wrong[0]}')
        self.assertEqual([event['error'] for event in adieu.found('config', {})],
                         [f'{config}:{line}' for line in wrong])

    def test_a_backend_alone_that_is_of_no_use_is_told_with_its_line(self):
        config = pathlib.Path(self.path('adieu.conf'))
        config.write_text(self.plain_listener('a', 'tls') + f'[backend:tls]\ntls = yes\n'
                          f'server = {self.backend.address}\nca = {self.key}\n')
        for command in [], ['--check']:
            self.assertIn(f'{config}:8: [backend:tls] ca: {self.key}: ',
                          self.complain('-c', str(config), *command))

    def test_what_is_hardly_meant_is_warned_of_at_every_start_and_reload(self):
        config = (self.plain_listener('a', self.backend.address)
                  + f'[backend:spare]\nserver = {self.backend.address}\n')
        adieu = self.start(config)
        where = f'{self.path("adieu.conf")}:5: [backend:spare]: warning: '
        adieu.wait('config', level='warning', warning=f'{where}no listener and no route uses it')
        adieu.process.send_signal(signal.SIGHUP)
        adieu.wait('reload', result='done')
        self.assertEqual(len(adieu.found('config', {'level': 'warning'})), 2)
        done = subprocess.run([harness.ADIEU, '--check', '-c', self.path('adieu.conf')],
                              capture_output=True, text=True, timeout=harness.PATIENCE,
                              check=True)
        self.assertIn(where, done.stderr)

    def test_options_that_exclude_each_other_are_refused(self):
        config = pathlib.Path(self.path('excluded.conf'))
        config.write_text(self.plain_listener('a', self.backend.address))
        named = ['-c', str(config)]
        for one, other, arguments in (
                ('--demo', '-c', ['--demo', *named]),
                ('--version', '-c', [*named, '--version']),
                ('--check', '--explain', ['--check', '--explain', *named]),
                ('--explain', '--check', [*named, '--explain', '--check']),
                ('--demo', '--check', ['--demo', '--check']),
                ('--demo', '--version', ['--demo', '--version']),
                (config, '/no/such', [*named, '-c', '/no/such', '--check'])):
            with self.subTest(arguments):
                done = subprocess.run([harness.ADIEU, *arguments], capture_output=True, text=True,
                                      timeout=harness.PATIENCE, check=False)
                self.assertEqual((done.returncode, done.stdout), (2, ''))
                self.assertTrue(done.stderr.startswith(
                    f'adieu: {one} and {other} exclude each other\nusage: '), done.stderr)
        for arguments in ['--check', '--check', *named], [*named, '--check', '--help']:
            self.run_program([harness.ADIEU, *arguments])

    def test_the_demonstration_warns_of_no_limit_that_nobody_has_set(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))

        process = subprocess.Popen([harness.ADIEU, '--demo'], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True, preexec_fn=limit)
        with process:
            events = []
            for line in process.stderr:
                events.append(line)
                if 'event=ready' in line:
                    process.terminate()
        self.assertEqual(process.returncode, 0)
        self.assertIn('event=ready', ''.join(events))
        self.assertNotIn('event=limit', ''.join(events))

    def test_a_log_that_nobody_has_opened_goes_nowhere_and_to_no_peer(self):
        address = harness.free_address()
        config = pathlib.Path(self.path('closed.conf'))
        config.write_text(harness.inspectable(
            self.plain_listener('a', self.backend.address)
            .replace('127.0.0.1:0', '%s:%d' % address)))
        process = subprocess.Popen([harness.ADIEU, '-c', str(config)],
                                   preexec_fn=lambda: os.closerange(0, 3))
        try:
            harness.wait_until(lambda: socket.socket().connect_ex(address) == 0, 'a listener')
            for fd in range(3):
                self.assertEqual(os.readlink(f'/proc/{process.pid}/fd/{fd}'), '/dev/null')
        finally:
            process.terminate()
            self.assertEqual(process.wait(harness.PATIENCE), 0)

    def test_what_cannot_be_said_is_no_success(self):
        config = pathlib.Path(self.path('explained.conf'))
        config.write_text(self.plain_listener('a', self.backend.address))
        for command in ['--version'], ['--help'], ['--explain', '-c', str(config)]:
            with open('/dev/full', 'w', encoding='utf-8') as full:
                done = subprocess.run([harness.ADIEU, *command], stdout=full, text=True,
                                      stderr=subprocess.PIPE, timeout=harness.PATIENCE,
                                      check=False)
            self.assertEqual((done.returncode, done.stderr),
                             (1, 'adieu: cannot write to stdout\n'))

    def test_nobody_of_the_same_account_can_look_into_it_unless_that_is_asked_for(self):
        # The kernel gives a process that may not be looked into to root.
        us = pwd.getpwnam('nobody') if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        for allowed, owner in ('no', 0), ('yes', us.pw_uid):
            with self.subTest(core_dumps=allowed):
                adieu = self.start(f'[global]\nuser = {us.pw_name}\ncore-dumps = {allowed}\n',
                                   self.plain_listener('plain', self.backend.address))
                self.assertEqual(os.stat(f'/proc/{adieu.process.pid}/mem').st_uid, owner)

    def test_a_log_file_is_opened_again_after_it_was_renamed(self):
        log = pathlib.Path(self.path('log'))
        config = pathlib.Path(self.path('rotated.conf'))
        config.write_text(f'[global]\nlog = file:{log}\n'
                          + self.plain_listener('a', self.backend.address))
        process = subprocess.Popen([harness.ADIEU, '-c', str(config)])
        try:
            harness.wait_until(lambda: log.exists() and 'event=ready' in log.read_text(), 'ready')
            log.rename(self.path('log.1'))
            process.send_signal(signal.SIGUSR1)
            harness.wait_until(log.exists, 'a new file')
        finally:
            process.terminate()
            self.assertEqual(process.wait(harness.PATIENCE), 0)
        self.assertIn('event=stop', log.read_text())


if __name__ == '__main__':
    harness.main()
