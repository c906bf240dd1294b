#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""SIGTERM: the log and the service manager are told how the end goes, from time to time."""

import os
import signal
import socket
import unittest

import harness

CROWD = os.environ.get('ADIEU_CROWD', '')


class Drain(harness.Checks):

    def setUp(self):
        super().setUp()
        self.backend = harness.EchoBackend()
        self.addCleanup(self.backend.stop)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.bind(self.path('notify'))
        self.manager.settimeout(harness.PATIENCE)

    def begin(self, n, *settings, **environment):
        """n clients that stay, and a drain."""
        environment['NOTIFY_SOCKET'] = self.path('notify')
        os.environ.update(environment)
        try:
            self.adieu = self.start('\n'.join(['[global]', 'drain-spread = no', *settings, '']),
                                    self.plain_listener('a', self.backend.address))
        finally:
            for name in environment:
                del os.environ[name]
        self.clients = [self.connect() for _ in range(n)]
        self.adieu.process.send_signal(signal.SIGTERM)
        while self.hear() != 'STOPPING=1':
            pass

    def connect(self):
        client = socket.create_connection(self.adieu.address('a'), harness.PATIENCE)
        self.addCleanup(client.close)
        self.exchange(client)
        return client

    def exchange(self, client):
        client.sendall(b'hello')
        self.assertEqual(client.recv(5, socket.MSG_WAITALL), b'hello')

    def leave(self):
        client = self.clients.pop()
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(client.recv(1), b'')

    def hear(self):
        return self.manager.recv(4096).decode()

    def expect_words(self, *words):
        """These and no others."""
        for word in words:
            self.assertEqual(self.hear(), word)

    def test_what_is_left_is_shown_as_it_changes_and_logged_at_a_few_steps(self):
        self.begin(3, 'drain-timeout = 8s')
        # A service manager that waits for less would have the kernel end our streams.
        self.expect_words('EXTEND_TIMEOUT_USEC=18000000',
                          'STATUS=Draining: 3 of 3 connections left')
        [said] = self.adieu.wait('drain', phase='begin', relays='3')
        self.assertEqual(said['remaining'], '8.000')
        self.leave()
        self.expect_words('STATUS=Draining: 2 of 3 connections left')
        [said] = self.adieu.wait('drain', phase='progress', relays='2')
        self.assertEqual(round(float(said['duration']) + float(said['remaining'])), 8)
        self.exchange(self.clients[0])
        self.leave()
        self.expect_words('STATUS=Draining: 1 of 3 connections left')
        self.leave()
        while (word := self.hear()) != 'STATUS=Stopped':
            self.assertEqual(word, 'STATUS=Draining: 0 of 3 connections left')
        [said] = self.adieu.wait('drain', phase='end', relays='0')
        self.assertGreater(float(said['duration']), 2)
        self.assertEqual(self.adieu.found('drain', {'phase': 'deadline'}), [])

    def test_the_deadline_is_shown_and_logged(self):
        self.begin(2, 'drain-timeout = 500ms')
        self.expect_words('EXTEND_TIMEOUT_USEC=10500000',
                          'STATUS=Draining: 2 of 2 connections left',
                          'STATUS=Cutting: 2 of 2 connections left', 'STATUS=Stopped')
        self.adieu.wait('drain', phase='deadline', relays='2')
        self.adieu.wait('drain', phase='end', relays='0')
        for client in self.clients:
            with self.assertRaises(ConnectionResetError):
                self.fail(f'{client.recv(1)} instead of a reset')

    def test_a_deadline_that_nobody_lives_to_see_is_no_short_one_for_the_service_manager(self):
        # One that does not fit is not to come out as one that is over at once.
        for timeout, told in ('18446744073709552ms', 2 ** 63 - 1), ('106751d', 9223286410000000):
            with self.subTest(timeout=timeout):
                self.begin(1, f'drain-timeout = {timeout}')
                self.expect_words(f'EXTEND_TIMEOUT_USEC={told}',
                                  'STATUS=Draining: 1 of 1 connections left')
                self.exchange(self.clients[0])
                self.adieu.process.send_signal(signal.SIGTERM)
                self.expect_words('STATUS=Cutting: 1 of 1 connections left', 'STATUS=Stopped')

    def test_so_is_a_second_signal(self):
        self.begin(1, 'drain-timeout = off')
        self.expect_words('EXTEND_TIMEOUT_USEC=130000000',
                          'STATUS=Draining: 1 of 1 connections left')
        self.adieu.process.send_signal(signal.SIGTERM)
        self.expect_words('STATUS=Cutting: 1 of 1 connections left', 'STATUS=Stopped')
        self.adieu.wait('drain', phase='killed', relays='1')

    @unittest.skipUnless(CROWD, 'a sanitizer has to be loaded first')
    def test_those_who_keep_coming_do_not_hold_it_up(self):
        """Who waits when it begins is let in; of those who come then there may be no end."""
        path = self.path('socket')
        os.environ['LD_PRELOAD'] = CROWD
        try:
            self.adieu = self.start('[global]\nworkers = 1\nmax-connections = 8\n',
                                    self.plain_listener('a', self.backend.address).replace(
                                        '127.0.0.1:0', f'unix:{path}'))
        finally:
            del os.environ['LD_PRELOAD']
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.settimeout(harness.PATIENCE)
        client.connect(path)
        self.exchange(client)
        self.adieu.process.send_signal(signal.SIGTERM)
        self.adieu.wait('drain', phase='begin')
        self.exchange(client)
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(client.recv(1), b'')
        self.assertEqual(self.adieu.process.wait(harness.PATIENCE), 0)

    def test_the_watchdog_is_fed_though_workers_have_ended(self):
        self.begin(1, 'workers = 4', WATCHDOG_USEC='300000')
        words = [self.hear() for _ in range(10)]
        self.assertGreaterEqual(words.count('WATCHDOG=1'), 8)
        self.leave()


if __name__ == '__main__':
    harness.main()
