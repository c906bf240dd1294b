#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What an idle TLS relay costs: tests/programs/idle_memory.py, after ./dev build.

Opens 2,000 relays (IDLE_RELAYS=N for another number), sends 20 kB back and forth
over each, and compares the process's memory with what it was before the first:
PSS of /proc/PID/smaps_rollup, everything included that the relays caused.
"""

import os
import re
import socket
import ssl

import harness

RELAYS = int(os.environ.get('IDLE_RELAYS', '2000'))
MOST = 16               # kB for each that is OpenSSL's
MOST_TAKEN_OVER = 4     # and for each that no longer is
TRAFFIC = 20_000        # bytes: more than one TLS record


class IdleMemory(harness.Checks):

    def setUp(self):
        super().setUp()
        harness.allow_descriptors(2 * RELAYS + 500)
        self.backend = harness.EchoBackend()
        self.addCleanup(self.backend.stop)
        self.adieu = self.start(
            self.listener('idle', self.backend.address)
            + self.listener('openssl', self.backend.address, 'record-layer = openssl'))

    def test_an_idle_tls_1_3_relay_takes_at_most_4_kb(self):
        self.measure('idle', ssl.TLSVersion.TLSv1_3, MOST_TAKEN_OVER)

    def test_an_idle_tls_1_2_relay_takes_at_most_4_kb(self):
        self.measure('idle', ssl.TLSVersion.TLSv1_2, MOST_TAKEN_OVER)

    def test_one_that_is_not_taken_over_takes_at_most_16_kb(self):
        self.measure('openssl', ssl.TLSVersion.TLSv1_3, MOST)

    def measure(self, listener, version, most):
        context = ssl.create_default_context(cafile=self.cert)
        context.minimum_version = context.maximum_version = version
        before = self.pss()
        clients = [self.open(listener, context) for _ in range(RELAYS)]
        after = self.pss()
        for client in clients:
            client.close()
        each = (after - before) / RELAYS
        print(f'{listener}, {version.name}: {each:.1f} kB for each of {RELAYS} idle relays '
              f'(PSS {before} kB before, {after} kB with them)')
        self.assertLessEqual(each, most)

    def open(self, listener, context):
        plain = socket.create_connection(self.adieu.address(listener), harness.PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = context.wrap_socket(plain, server_hostname='localhost')
        data = os.urandom(TRAFFIC)
        client.sendall(data)
        answer = b''
        while len(answer) < TRAFFIC:
            more = client.recv(TRAFFIC)
            self.assertTrue(more, 'the connection ended early')
            answer += more
        self.assertEqual(answer, data)
        return client

    def pss(self):
        """In kB."""
        with open(f'/proc/{self.adieu.process.pid}/smaps_rollup', encoding='ascii') as rollup:
            return int(re.search(r'^Pss:\s+(\d+) kB', rollup.read(), re.MULTILINE)[1])


if __name__ == '__main__':
    harness.main()
