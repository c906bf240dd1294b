#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Clients and servers that go to the limits of TLS, or beyond."""

import contextlib
import socket
import ssl
import struct
import subprocess
import threading

import harness

BULK = 8 << 20


class Hostile(harness.Checks):

    def serve_once(self, data):
        """A backend that says data to the first who comes, and ends; its address."""
        server = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(server.close)

        def serve():
            peer = server.accept()[0]
            with peer:
                peer.sendall(data)
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(65536):
                    pass
        threading.Thread(target=serve, daemon=True).start()
        return server, '127.0.0.1:%d' % server.getsockname()[1]

    def test_a_cbc_client_that_makes_openssl_seal_many_records_at_once_is_served(self):
        _, backend = self.serve_once(b'x' * BULK)
        self.make_rsa_certificate()
        self.adieu = self.start(self.listener('a', backend, 'ciphers = ECDHE-RSA-AES128-SHA',
                                              'tls-max = 1.2'))
        context = ssl.create_default_context(cafile=self.cert)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers('ECDHE-RSA-AES128-SHA')
        context.options |= 1 << 19          # SSL_OP_NO_ENCRYPT_THEN_MAC
        got = 0
        with socket.create_connection(self.adieu.address('a'), harness.PATIENCE) as plain, \
                context.wrap_socket(plain, server_hostname='localhost') as client:
            while data := client.recv(1 << 20):
                got += len(data)
            self.assertEqual(got, BULK)
            client.unwrap().close()
        self.adieu.wait('relay', **harness.CLEAN)

    def make_rsa_certificate(self):
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', self.key,
             '-out', self.cert, '-days', '2', '-subj', '/CN=localhost',
             '-addext', 'subjectAltName=DNS:localhost'], check=True, capture_output=True)

    def test_failed_handshakes_are_counted_by_cause(self):
        backend = harness.EchoBackend()
        self.addCleanup(backend.stop)
        adieu = self.start(self.listener('web', backend.address))
        for words in b'GET / HTTP/1.1\r\n\r\n', b'HEAD / HTTP/1.1\r\n\r\n', b'no TLS at all\r\n':
            with socket.create_connection(adieu.address('web')) as client:
                client.settimeout(harness.PATIENCE)
                client.sendall(words)
                with contextlib.suppress(ConnectionResetError):
                    while client.recv(4096):
                        pass
        self.assertIsNone(adieu.stop())
        counted = {event['cause']: event['failed'] for event in adieu.found('handshakes', {})}
        self.assertEqual(counted, {'plain_http': '2', 'not_tls': '1'})

    def test_failed_handshakes_do_not_flood_the_log_and_are_counted_all_the_same(self):
        many = 500
        backend = harness.EchoBackend()
        self.addCleanup(backend.stop)
        adieu = self.start('[global]\nworkers = 1\n', self.listener('web', backend.address))
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(socket.create_connection(adieu.address('web')))
                       for _ in range(many)]
            for client in clients:
                client.sendall(b'GET / HTTP/1.1\r\n\r\n')
            for client in clients:
                client.settimeout(harness.PATIENCE)
                with contextlib.suppress(ConnectionResetError):
                    while client.recv(4096):
                        pass
        self.assertIsNone(adieu.stop())
        lines = adieu.found('handshake', {'cause': 'plain_http'})
        suppressed = adieu.found('handshake', {'level': 'warning', 'side': 'client'})
        self.assertLess(len(lines), many)
        self.assertEqual(len(lines) + sum(int(line['suppressed']) for line in suppressed), many)
        counted, = adieu.found('handshakes', {})
        self.assertEqual((counted['cause'], counted['failed']), ('plain_http', str(many)))
        self.assertEqual(adieu.found('stop', {})[0]['handshakes-failed'], str(many))

    def test_a_hello_that_does_not_end_costs_no_backend_and_times_out(self):
        server, backend = self.serve_once(b'')
        self.adieu = self.start('[defaults]\nhandshake-timeout = 500ms\n',
                                self.listener('a', backend))
        hello = b'\x01' + (30000).to_bytes(3, 'big') + b'\x03\x03' + b'A' * 29000
        records = b''.join(b'\x16\x03\x01' + len(part).to_bytes(2, 'big') + part for part in
                           (hello[i:i + 8000] for i in range(0, len(hello), 8000)))
        with socket.create_connection(self.adieu.address('a'), harness.PATIENCE) as client:
            client.sendall(records[:16384])
            failed = self.adieu.wait('handshake')[0]
            self.assertEqual(failed['cause'], 'timeout:handshake')
        server.settimeout(0)
        with self.assertRaises(BlockingIOError):
            server.accept()
        server.settimeout(None)
        socket.create_connection(server.getsockname()).close()      # for serve_once()

    def test_a_client_that_is_lost_after_its_end_is_noticed_though_nobody_reads_from_it(self):
        server = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(server.close)
        self.adieu = self.start('[defaults]\nclose-timeout = 200ms\n', self.plain_listener(
            'a', '127.0.0.1:%d' % server.getsockname()[1]))
        client = socket.create_connection(self.adieu.address('a'), harness.PATIENCE)
        backend = server.accept()[0]
        self.addCleanup(backend.close)
        client.sendall(b'GET')
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(backend.recv(4, socket.MSG_WAITALL), b'GET')
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        client.close()
        self.adieu.wait('relay', client_end='fin', backend_end='sink-gone')


if __name__ == '__main__':
    harness.main()
