#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A gigabyte up and a gigabyte down through each of the four pairs."""

import contextlib
import hashlib
import multiprocessing
import os
import socket
import ssl

import harness

MEGABYTES = int(os.environ.get('ADIEU_BULK_MB', '1024'))
LENGTH = MEGABYTES << 20
DIGEST = hashlib.sha256().digest_size


def send(sock, length):
    """Sends length bytes, no megabyte like another; returns their digest."""
    block = bytearray(os.urandom(1 << 20))
    digest = hashlib.sha256()
    for number in range(length >> 20):
        block[:8] = number.to_bytes(8, 'big')
        digest.update(block)
        sock.sendall(block)
    return digest.digest()


def receive(sock, length):
    """Receives length bytes; returns their digest."""
    room = memoryview(bytearray(1 << 18))
    digest = hashlib.sha256()
    while length > 0:
        got = sock.recv_into(room[:min(length, len(room))])
        if got == 0:
            raise EOFError(f'{length} bytes are missing')
        digest.update(room[:got])
        length -= got
    return digest.digest()


def end(sock):
    """Ends a connection as TLS and TCP want it: nobody is left in doubt."""
    if isinstance(sock, ssl.SSLSocket):
        sock = sock.unwrap()
    sock.shutdown(socket.SHUT_WR)
    with sock:
        while sock.recv(4096):
            pass


def backend(listening, context):
    """Takes a gigabyte, gives one, then says what it took and what it gave."""
    with listening:
        sock, _ = listening.accept()
    with sock:
        sock.settimeout(harness.PATIENCE)
        if context:
            sock = context.wrap_socket(sock, server_side=True, suppress_ragged_eofs=False)
        took = receive(sock, LENGTH)
        gave = send(sock, LENGTH)
        sock.sendall(took + gave)
        end(sock)


class Bulk(harness.Checks):

    def test_tls_to_plain(self):
        self.carry(True, False)

    def test_plain_to_plain(self):
        self.carry(False, False)

    def test_plain_to_tls(self):
        self.carry(False, True)

    def test_tls_to_tls(self):
        self.carry(True, True)

    def carry(self, client_tls, backend_tls):
        """The digests of each side agree, the ends are clean, the log has counted right."""
        with self.started_backend(backend_tls) as address:
            adieu = self.start(self.tls_backend('b', address) if backend_tls
                               else f'[backend:b]\nserver = {address}\n',
                               (self.listener if client_tls else self.plain_listener)('l', 'b'))
            self.client(adieu.address('l'), client_tls)
        adieu.wait('relay', client_end='close_notify' if client_tls else 'fin',
                   backend_end='close_notify' if backend_tls else 'fin', first='backend',
                   up=str(LENGTH), down=str(LENGTH + 2 * DIGEST))

    @contextlib.contextmanager
    def started_backend(self, tls):
        listening = socket.create_server(('127.0.0.1', 0))
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.cert, self.key)
        process = multiprocessing.get_context('fork').Process(
            target=backend, args=(listening, context))
        process.start()
        try:
            with listening:
                yield '127.0.0.1:%d' % listening.getsockname()[1]
            process.join(harness.PATIENCE)
            self.assertEqual(process.exitcode, 0)
        finally:
            process.kill()

    def client(self, address, tls):
        with socket.create_connection(address, harness.PATIENCE) as sock:
            if tls:
                context = ssl.create_default_context(cafile=self.cert)
                sock = context.wrap_socket(sock, server_hostname='localhost',
                                           suppress_ragged_eofs=False)
            gave = send(sock, LENGTH)
            took = receive(sock, LENGTH)
            self.assertEqual(harness.receive_exactly(sock, 2 * DIGEST), gave + took)
            self.assertEqual(sock.recv(1), b'', 'there is more than was sent')
            end(sock)


if __name__ == '__main__':
    harness.main()
