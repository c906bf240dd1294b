#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What an operator sets: limits, how a drain goes, what the kernel is told, log files."""

import os
import pathlib
import pwd
import signal
import socket
import ssl
import subprocess

import harness


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
