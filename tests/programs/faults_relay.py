#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""One call after another fails while a connection is relayed.

That connection may fail. But then it is aborted, so that neither side takes the
part of a stream that it got for all of it, and the log says what was missing;
the next one finds everything as it was.
"""

import contextlib
import errno
import socket
import ssl
import unittest

import fault
import harness
from peers import PATIENCE

needs_memory = unittest.skipUnless(fault.HAS_MEMORY, 'the sanitizer has allocations of its own')


class Relay(fault.Checks):

    def setUp(self):
        super().setUp()
        self.visitors = 1, False        # size, and whether they are slow
        self.silent = []

    def fail_each(self, kinds, error=0, stride=1, for_ever=False):
        """Or, for ever, each one and all that follow it."""
        before = self.adieu.descriptors()
        self.expect_good_visit(before)
        failed = True
        while failed:
            self.call += 1 if self.call == 0 or fault.ALL else stride
            self.adieu.arm(kinds, self.call, fault.FOR_EVER if for_ever else self.call, error)
            self.size, self.shy = self.visitors
            visitors = self.visit()
            failed = self.adieu.control.failed > 0
            self.adieu.control.disarm()
            fine = self.judge(*visitors)
            self.size, self.shy = 1, False
            if not fine and not failed:
                self.complain('nothing was the matter', *visitors)
            self.expect_good_visit(before)
        done, self.call = self.call, 0
        return done

    def expect_ours_to_count(self, client, server):
        """Descriptors, and what is allocated by anybody but OpenSSL."""
        self.open(client, server, 'max-per-ip = 5')
        for error in errno.EMFILE, errno.ENFILE, errno.ENOMEM:
            self.assertGreaterEqual(self.fail_each(fault.DESCRIPTORS, error), 5)
        self.fail_each(fault.DESCRIPTORS, for_ever=True)
        if fault.HAS_MEMORY:
            for for_ever in False, True:
                self.assertGreaterEqual(self.fail_each(fault.OUR_MEMORY, for_ever=for_ever), 4)

    def test_out_of_descriptors_or_memory_plain_to_plain(self):
        self.expect_ours_to_count('plain', 'plain')

    def test_out_of_descriptors_or_memory_plain_to_unix(self):
        self.expect_ours_to_count('plain', 'unix')

    def test_out_of_descriptors_or_memory_tls_to_plain(self):
        self.expect_ours_to_count('tls', 'plain')

    def test_out_of_descriptors_or_memory_tls_to_tls(self):
        self.expect_ours_to_count('tls', 'tls')

    def test_out_of_descriptors_or_memory_tls_to_unix(self):
        self.expect_ours_to_count('tls', 'unix')

    def test_not_permitted_to_accept(self):
        self.open('plain', 'plain')
        before = self.adieu.descriptors()
        self.adieu.arm(fault.DESCRIPTORS, 1, fault.FOR_EVER, errno.EACCES)
        # Until it is said that it is paused.
        if not self.judge(*self.visit()):
            self.complain('it has not recovered')
        self.assertTrue(self.adieu.found('accept-paused', {'reason': 'not_permitted'}))
        self.expect_good_visit(before)

    def fail_each_with_slow_readers(self, client, server, size):
        self.open(client, server)
        self.visitors = size, True
        self.fail_each(fault.OUR_MEMORY | fault.DESCRIPTORS)
        self.fail_each(fault.OUR_MEMORY, for_ever=True)

    @needs_memory
    def test_without_memory_for_what_slow_readers_have_not_taken_it_is_aborted(self):
        self.fail_each_with_slow_readers('tls', 'tls', 400)

    @needs_memory
    def test_without_memory_for_what_slow_readers_have_not_taken_plain(self):
        self.fail_each_with_slow_readers('plain', 'plain', 400)

    @needs_memory
    def test_without_memory_for_what_slow_readers_have_not_taken_unix(self):
        self.fail_each_with_slow_readers('unix', 'unix', 40)

    def come(self, n):
        """Visitors who say nothing; some of them may be reset at once."""
        for _ in range(n):
            client = socket.socket()
            self.addCleanup(client.close)
            client.settimeout(PATIENCE)
            with contextlib.suppress(ConnectionResetError):
                client.connect(self.address)
                self.silent.append(client)

    @needs_memory
    def test_nobody_stays_without_a_timer(self):
        config = self.sections('tls', 'plain', 'handshake-timeout = 300ms')

        def begin(config):
            self.adieu = fault.Adieu(config, self.folder)
            self.addCleanup(self.adieu.process.kill)
            self.find()
            return self.adieu.descriptors()

        # Room is made for eight timers, and for twice that when the ninth comes.
        before = begin(config.replace('300ms', '30s'))
        self.adieu.arm(fault.OUR_MEMORY, 0, 0)
        self.come(7)
        harness.wait_until(lambda: self.adieu.descriptors() == before + 7, 'seven')
        few = self.adieu.control.calls
        self.come(3)
        harness.wait_until(lambda: self.adieu.descriptors() == before + 10, 'ten')
        more = self.adieu.control.calls
        for client in self.silent:
            client.close()
        self.assertIsNone(self.adieu.stop())
        for self.call in range(few + 1, more + 1):
            begin(config)
            self.adieu.arm(fault.OUR_MEMORY, self.call, self.call)
            self.silent = []
            self.come(10)
            for client in self.silent:
                with self.assertRaises(ConnectionResetError):
                    client.recv(1)
            self.assertEqual(self.adieu.control.failed, 1)
            self.assertIsNone(self.adieu.stop())

    @needs_memory
    def test_openssl_without_memory_in_tls_1_3(self):
        self.open('tls', 'plain')
        self.assertGreater(self.fail_each(fault.TLS_MEMORY), 400)
        self.fail_each(fault.TLS_MEMORY, stride=3, for_ever=True)

    @needs_memory
    def test_openssl_without_memory_in_tls_1_2(self):
        self.client_context.maximum_version = ssl.TLSVersion.TLSv1_2
        self.open('tls', 'plain')
        self.assertGreater(self.fail_each(fault.TLS_MEMORY, stride=2), 300)

    @needs_memory
    def test_openssl_without_memory_towards_a_server(self):
        self.open('tls', 'tls')
        self.assertGreater(self.fail_each(fault.TLS_MEMORY, stride=3), 700)


if __name__ == '__main__':
    harness.main()
