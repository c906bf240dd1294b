#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Clients and servers that go to the limits of TLS, or beyond."""

import contextlib
import os
import select
import signal
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

    def test_failed_handshakes_with_a_server_are_counted_by_themselves(self):
        many = 300
        server = socket.create_server(('127.0.0.1', 0), backlog=many)
        self.addCleanup(server.close)
        adieu = self.start('[global]\nworkers = 1\n', self.plain_listener('a', 'wrong'),
                           self.tls_backend('wrong', '127.0.0.1:%d' % server.getsockname()[1]))
        server.settimeout(harness.PATIENCE)
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(socket.create_connection(adieu.address('a')))
                       for _ in range(many)]
            inner = [stack.enter_context(server.accept()[0]) for _ in range(many)]
            # All of them have said hello before the first is answered: they fail at once.
            for peer in inner:
                peer.settimeout(harness.PATIENCE)
                self.assertTrue(peer.recv(65536))
            for peer in inner:
                peer.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n')
            for client in clients:
                client.settimeout(harness.PATIENCE)
                with self.assertRaises(ConnectionResetError):
                    client.recv(1)
        self.assertIsNone(adieu.stop())
        lines = adieu.found('handshake', {'side': 'backend', 'cause': 'not_tls'})
        suppressed = adieu.found('handshake', {'level': 'warning', 'side': 'backend'})
        self.assertLess(len(lines), many)
        self.assertEqual(len(lines) + sum(int(line['suppressed']) for line in suppressed), many)
        counted, = adieu.found('handshakes', {})
        self.assertEqual((counted['side'], counted['failed']), ('backend', str(many)))
        self.assertEqual(adieu.found('stop', {})[0]['handshakes-failed'], '0')

    def test_a_server_that_rejects_us_after_the_handshake_is_no_failure_of_a_client(self):
        demanding = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.cert)
        demanding.load_cert_chain(self.cert, self.key)
        demanding.minimum_version = ssl.TLSVersion.TLSv1_3
        demanding.verify_mode = ssl.CERT_REQUIRED
        server = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(server.close)
        server.settimeout(harness.PATIENCE)
        adieu = self.start(self.plain_listener('a', 'demanding'), self.tls_backend(
            'demanding', '127.0.0.1:%d' % server.getsockname()[1]))
        with socket.create_connection(adieu.address('a'), harness.PATIENCE) as client:
            inner = server.accept()[0]
            inner.settimeout(harness.PATIENCE)
            with demanding.wrap_socket(inner, server_side=True,
                                       do_handshake_on_connect=False) as inner:
                with self.assertRaises(ssl.SSLError):
                    inner.do_handshake()
                with self.assertRaises(ConnectionResetError):
                    client.recv(1)
        # For adieu it was over before, in TLS 1.3: a relay has begun, and is cut.
        adieu.wait('relay', backend_end='alert:certificate_required')
        adieu.wait('handshake', side='backend',
                   cause='backend_rejects_our_cert:certificate_required')
        self.assertIsNone(adieu.stop())
        self.assertEqual(adieu.found('stop', {})[0]['handshakes-failed'], '0')

    def secure(self, address):
        plain = socket.create_connection(address, harness.PATIENCE)
        self.addCleanup(plain.close)
        client = self.context.wrap_socket(plain, server_hostname='localhost')
        self.addCleanup(client.close)
        return client

    def test_every_way_to_end_is_counted_as_what_it_is(self):
        brief = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(brief.close)
        backend = harness.EchoBackend()
        self.addCleanup(backend.stop)
        self.context = ssl.create_default_context(cafile=self.cert)
        adieu = self.start(self.listener('brief', '127.0.0.1:%d' % brief.getsockname()[1]),
                           self.listener('echo', backend.address))
        # It hears the close_notify, says no such thing, and ends.
        client = self.secure(adieu.address('brief'))
        with brief.accept()[0] as inner:
            inner.sendall(b'all')
            inner.shutdown(socket.SHUT_WR)
            self.assertEqual((client.recv(3), client.recv(1)), (b'all', b''))
            client.shutdown(socket.SHUT_WR)
            with self.assertRaises(ConnectionResetError):
                inner.recv(1)
        adieu.wait('relay', client_end='unanswered', backend_end='fin')
        # Nobody has said one before it ends.
        for _ in range(2):
            client = self.secure(adieu.address('echo'))
            client.sendall(b'half')
            self.assertEqual(harness.receive_exactly(client, 4), b'half')
            client.shutdown(socket.SHUT_WR)
        adieu.wait('relay', count=2, client_end='truncated')
        for _ in range(3):
            self.secure(adieu.address('echo')).unwrap().close()
        adieu.wait('relay', count=3, **harness.CLEAN)
        self.assertIsNone(adieu.stop())
        stop, = adieu.found('stop', {})
        counted = {key: stop[key] for key in ('accepted', 'relays', 'clean', 'aborted',
                                              'truncated', 'unanswered')}
        self.assertEqual(counted, {'accepted': '6', 'relays': '6', 'clean': '3', 'aborted': '3',
                                   'truncated': '2', 'unanswered': '1'})

    def test_what_was_suppressed_last_is_told_before_the_end(self):
        many = 300
        backend = harness.EchoBackend()
        self.addCleanup(backend.stop)
        self.context = ssl.create_default_context(cafile=self.cert)
        adieu = self.start('[global]\nworkers = 1\n', self.listener('a', backend.address))
        clients = [self.secure(adieu.address('a')) for _ in range(many)]
        for client in clients:
            client.shutdown(socket.SHUT_WR)
        # They are told of once a second, and there is none left.
        self.assertIsNone(adieu.stop())
        lines = adieu.found('truncation', {'side': 'client'})
        suppressed = [line for line in adieu.found('truncation', {}) if 'suppressed' in line]
        self.assertLess(len(lines), many)
        self.assertEqual(len(lines) + sum(int(line['suppressed']) for line in suppressed), many)
        self.assertEqual(adieu.found('stop', {})[0]['truncated'], str(many))

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


class Descriptors(harness.Checks):
    """Passed along with what is said on a Unix socket; a read stops there, whatever follows."""

    def setUp(self):
        super().setUp()
        self.backend = harness.EchoBackend()
        self.addCleanup(self.backend.stop)

    def start_at_path(self, listener):
        self.adieu = self.start(listener.replace('127.0.0.1:0', f'unix:{self.path("front")}'))

    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.settimeout(harness.PATIENCE)
        client.connect(self.path('front'))
        return client

    def say_in_pieces(self, sender, *pieces):
        """So that adieu finds all of them at once, each with a descriptor but for the last."""
        process = self.adieu.process
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        left, passed = os.pipe()
        self.addCleanup(os.close, left)
        for piece in pieces[:-1]:
            socket.send_fds(sender, [piece], [passed])
        sender.sendall(pieces[-1])
        os.close(passed)
        process.send_signal(signal.SIGCONT)
        return left

    def expect_closed(self, left):
        self.assertTrue(select.select([left], [], [], harness.PATIENCE)[0])
        self.assertEqual(os.read(left, 1), b'')

    def test_those_of_a_plain_client_are_closed_and_what_follows_is_carried(self):
        self.start_at_path(self.plain_listener('a', self.backend.address))
        client = self.connect()
        left = self.say_in_pieces(client, b'one', b'two', b'six')
        self.assertEqual(client.recv(9, socket.MSG_WAITALL), b'onetwosix')
        self.expect_closed(left)

    def test_those_of_a_tls_client_are_closed_and_what_follows_is_carried(self):
        self.start_at_path(self.listener('a', self.backend.address))
        client = self.connect()
        came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = ssl.create_default_context(cafile=self.cert).wrap_bio(
            came, goes, server_hostname='localhost')

        def do(what, *arguments):
            while True:
                try:
                    return what(*arguments)
                except ssl.SSLWantReadError:
                    client.sendall(goes.read())
                    came.write(client.recv(65536))

        do(tls.do_handshake)
        client.sendall(goes.read())

        def seal(data):
            tls.write(data)
            return goes.read()

        for _ in range(3):      # in OpenSSL's hands, and in ours
            first, second = seal(b'one'), seal(b'two')
            left = self.say_in_pieces(client, first, second[:9], second[9:])
            got = b''
            while len(got) < 6:
                got += do(tls.read, 6)
            self.assertEqual(got, b'onetwo')
            self.expect_closed(left)

    def test_those_of_a_server_are_closed_and_what_follows_is_carried(self):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(self.path('back'))
            server.listen()
            server.settimeout(harness.PATIENCE)
            self.start_at_path(self.plain_listener('a', f'unix:{self.path("back")}'))
            client = self.connect()
            with server.accept()[0] as inner:
                left = self.say_in_pieces(inner, b'one', b'two', b'six')
                self.assertEqual(client.recv(9, socket.MSG_WAITALL), b'onetwosix')
                self.expect_closed(left)

    def test_a_large_amount_among_them_is_carried_to_its_end(self):
        self.start_at_path(self.plain_listener('a', self.backend.address))
        client = self.connect()
        data, got = os.urandom(BULK), bytearray()
        receiver = threading.Thread(target=lambda: [got.extend(client.recv(65536))
                                                    for _ in iter(lambda: len(got) < BULK, False)])
        receiver.start()
        for begin in range(0, BULK, 16384):
            part = data[begin:begin + 16384]
            client.sendall(part[socket.send_fds(client, [part], [0]):])
        receiver.join()
        self.assertEqual(got, data)


if __name__ == '__main__':
    harness.main()
