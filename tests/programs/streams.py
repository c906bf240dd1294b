#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Streams that went on for long enough to be left alone until there is more of them.

They end in every way, or rest because somebody waits for an answer: nobody is told
anything else than of a short one, and nothing is kept back.
"""

import contextlib
import fcntl
import os
import socket
import ssl
import struct
import threading
import time

import harness

SIOCOUTQNSD = 0x894b    # linux/sockios.h
LONG = 0.6              # seconds; twice what makes a stream, and more
PACE = 0.002            # seconds; nobody is behind, so the last of it is waited for
BLOCK = bytes(65536)
LAST = b'the last of it\n'
ANSWER = b'all of it came\n'


def stream(sock, pause=0):
    """Sends for a while, as fast as it goes or a block each pause; the number of bytes."""
    until = time.monotonic() + LONG
    sent = 0
    while time.monotonic() < until:
        sock.sendall(BLOCK)
        sent += len(BLOCK)
        time.sleep(pause)
    sock.sendall(LAST)
    return sent + len(LAST)


def receive(sock):
    """Up to the last of a stream, or to an end; the number of bytes, and the end."""
    room = memoryview(bytearray(1 << 18))
    received = 0
    while True:
        try:
            got = sock.recv_into(room)
        except ssl.SSLEOFError:
            return received, 'truncated'
        except ConnectionResetError:
            return received, 'reset'
        received += got
        if got == 0:
            return received, 'good'
        # A piece need not be the last line, but its last byte is in nothing else.
        if room[got - 1] == LAST[-1]:
            return received, None


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    sock.close()


class Backend:
    """One peer, which a thread listens to; what it sees is asked for later."""

    def __init__(self, talk):
        self.server = socket.create_server(('127.0.0.1', 0))
        self.address = '127.0.0.1:%d' % self.server.getsockname()[1]
        self.seen = None
        self.thread = threading.Thread(target=self.serve, args=(talk,), daemon=True)
        self.thread.start()

    def serve(self, talk):
        with self.server:
            peer, _ = self.server.accept()
        with peer:
            peer.settimeout(harness.PATIENCE)
            self.seen = talk(peer)

    def result(self):
        self.thread.join(harness.PATIENCE)
        return self.seen


def listen(peer):
    """Answers each stream that rests, until the end; all bytes, and the end."""
    total = 0
    while True:
        received, end = receive(peer)
        total += received
        if end is not None:
            return total, end
        try:
            peer.sendall(ANSWER)
        except ConnectionError:
            return total, 'reset'               # told once: the next call says end of file


def await_delivery(sock):
    """Until all that was sent is on the wire, which is here the other kernel; read or not."""
    harness.wait_until(lambda: fcntl.ioctl(sock.fileno(), SIOCOUTQNSD, bytes(4)) == bytes(4),
                       'what is to be sent')


class Streams(harness.Checks):

    @contextlib.contextmanager
    def joined(self, talk, tls, *more):
        """A client's socket, and the backend that talks to it."""
        backend = Backend(talk)
        self.adieu = self.start((self.listener if tls else self.plain_listener)
                                ('l', backend.address, *more))
        with socket.create_connection(self.adieu.address('l'), harness.PATIENCE) as sock:
            if tls:
                context = ssl.create_default_context(cafile=self.cert)
                sock = context.wrap_socket(sock, server_hostname='localhost',
                                           suppress_ragged_eofs=False)
            yield sock, backend
            sock.close()

    def answer(self, sock):
        self.assertEqual(harness.receive_exactly(sock, len(ANSWER)), ANSWER)

    # ---- what a backend is told of a client ----

    def test_a_stream_that_rests_is_delivered_each_time(self):
        for tls in True, False:
            with self.subTest(tls=tls), self.joined(listen, tls) as (sock, backend):
                sent = 0
                for _ in range(3):
                    sent += stream(sock)
                    self.answer(sock)
                sock = sock.unwrap() if tls else sock
                sock.shutdown(socket.SHUT_WR)
                self.assertEqual(backend.result(), (sent, 'good'))

    def test_a_good_end_is_a_good_one(self):
        with self.joined(listen, True) as (sock, backend):
            sent = stream(sock)
            self.answer(sock)
            sent += stream(sock)
            self.answer(sock)
            sock.unwrap().close()
            self.assertEqual(backend.result(), (sent, 'good'))
            self.adieu.wait('relay', client_end='close_notify', up=str(sent))

    def test_a_good_end_right_behind_a_stream_is_not_lost_to_one_that_comes_the_other_way(self):
        said = threading.Event()

        def end_at_once(peer):
            def end():
                said.wait(harness.PATIENCE)
                peer.shutdown(socket.SHUT_WR)
            threading.Thread(target=end, daemon=True).start()
            received, _ = receive(peer)
            return received, receive(peer)[1]
        with self.joined(end_at_once, True, 'close = fast') as (sock, backend):
            sent = stream(sock, PACE)
            sock.setblocking(False)
            with self.assertRaises(ssl.SSLWantReadError):
                sock.unwrap()                   # its close_notify is sent
            await_delivery(sock)
            said.set()
            self.assertEqual(backend.result(), (sent, 'good'))
            self.adieu.wait('relay', client_end='close_notify', up=str(sent))

    def test_a_reset_right_behind_a_stream_is_a_reset(self):
        with self.joined(listen, True) as (sock, backend):
            stream(sock)
            reset(sock)
            self.assertEqual(backend.result()[1], 'reset')
            self.adieu.wait('relay', client_end='reset')

    def test_an_end_without_close_notify_is_a_truncation(self):
        with self.joined(listen, True) as (sock, backend):
            sent = stream(sock)
            sock.shutdown(socket.SHUT_WR)       # of TCP: ssl says nothing
            self.assertEqual(backend.result(), (sent, 'reset'))
            self.adieu.wait('relay', client_end='truncated', up=str(sent))
            self.adieu.wait('truncation')

    def test_a_reset_is_a_reset(self):
        for tls in True, False:
            with self.subTest(tls=tls), self.joined(listen, tls) as (sock, backend):
                stream(sock)
                self.answer(sock)
                reset(sock)
                self.assertEqual(backend.result()[1], 'reset')
                self.adieu.wait('relay', client_end='reset')

    # ---- what a client is told of a backend ----

    def test_who_truncates_has_what_had_come_for_it(self):
        rests, over = threading.Event(), threading.Event()

        def talk(peer):
            sent = stream(peer, PACE)
            await_delivery(peer)
            rests.set()
            over.wait(harness.PATIENCE)
            return sent

        with self.joined(talk, True) as (sock, backend):
            end = socket.socket(fileno=os.dup(sock.fileno()))

            def truncate():
                rests.wait(harness.PATIENCE)
                end.shutdown(socket.SHUT_WR)
            with end:
                thread = threading.Thread(target=truncate)
                thread.start()
                received, ending = receive(sock)
                if ending is None:
                    rest, ending = receive(sock)
                    received += rest
                thread.join()
            over.set()
            self.assertEqual(received, backend.result())
            self.assertNotEqual(ending, 'good')
            self.adieu.wait('relay', client_end='truncated', down=str(received))

    def download(self, tls, leave):
        """A backend that streams and goes; what the client saw, and what was sent."""
        def talk(peer):
            sent = stream(peer)
            peer.recv(1)
            leave(peer)
            return sent
        with self.joined(talk, tls) as (sock, backend):
            received, end = receive(sock)
            self.assertIsNone(end)              # it rests
            sock.sendall(b'!')
            rest, end = receive(sock)
            self.assertEqual(received + rest, backend.result())
            return end

    def test_a_backend_that_ends_well(self):
        for tls in True, False:
            with self.subTest(tls=tls):
                self.assertEqual(self.download(tls, lambda peer: None), 'good')

    def test_a_backend_that_resets(self):
        for tls in True, False:
            with self.subTest(tls=tls):
                self.assertIn(self.download(tls, reset), ('reset', 'truncated'))
                self.adieu.wait('relay', backend_end='reset')


if __name__ == '__main__':
    harness.main()
