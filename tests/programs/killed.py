#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""adieu is killed: nobody is told that a stream ended well which did not."""

import os
import signal
import socket
import ssl

import harness


class Killed(harness.Checks):

    def setUp(self):
        super().setUp()
        self.server = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(self.server.close)
        self.server.settimeout(harness.PATIENCE)
        backend = '127.0.0.1:%d' % self.server.getsockname()[1]
        self.adieu = harness.Daemon(self.listener('tls', backend)
                                    + self.plain_listener('plain', backend), self.folder)
        self.addCleanup(self.adieu.stop)        # which it is already, by a signal

    def connect(self, name):
        """A client, and the server's end of its relay; each has heard from the other."""
        plain = socket.create_connection(self.adieu.address(name), harness.PATIENCE)
        client = plain
        if name == 'tls':
            context = ssl.create_default_context(cafile=self.cert)
            client = context.wrap_socket(plain, server_hostname='localhost',
                                         suppress_ragged_eofs=False)
        self.addCleanup(client.close)
        client.sendall(b'request')
        server = self.server.accept()[0]
        self.addCleanup(server.close)
        server.settimeout(harness.PATIENCE)
        self.assertEqual(server.recv(100), b'request')
        server.sendall(b'answer')
        self.assertEqual(client.recv(100), b'answer')
        return client, server

    def test_so_do_those_who_came_before_it_listened(self):
        """A service manager starts it because of them."""
        door = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(door.close)
        early = socket.create_connection(door.getsockname(), harness.PATIENCE)
        self.addCleanup(early.close)
        early.sendall(b'request')
        self.adieu = harness.Daemon(
            '[listener:early]\nmode = tcp\nbind = systemd:door\nbackend = 127.0.0.1:%d\n'
            % self.server.getsockname()[1], self.folder, close_fds=False,
            preexec_fn=lambda: self.pass_on(door))
        self.addCleanup(self.adieu.stop)
        server = self.server.accept()[0]
        self.addCleanup(server.close)
        self.assertEqual(server.recv(100), b'request')
        server.sendall(b'answer')
        self.assertEqual(early.recv(100), b'answer')
        self.kill()
        with self.assertRaises(ConnectionResetError):
            early.recv(100)

    @staticmethod
    def pass_on(door):
        """In the process that becomes adieu."""
        os.dup2(door.fileno(), 3)
        os.set_inheritable(3, True)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1', LISTEN_FDNAMES='door')

    def kill(self):
        os.kill(self.adieu.process.pid, signal.SIGKILL)
        self.adieu.process.wait(harness.PATIENCE)

    def test_plain_peers_see_a_reset(self):
        client, server = self.connect('plain')
        self.kill()
        for peer in client, server:
            with self.assertRaises(ConnectionResetError):
                peer.recv(100)

    def test_a_server_behind_tls_sees_a_reset_and_the_client_no_close_notify(self):
        client, server = self.connect('tls')
        self.kill()
        with self.assertRaises(ConnectionResetError):
            server.recv(100)
        with self.assertRaises((ssl.SSLEOFError, ConnectionResetError)):
            client.recv(100)

    def test_what_had_ended_well_stays_so(self):
        client, server = self.connect('plain')
        client.sendall(b'more')
        client.shutdown(socket.SHUT_WR)
        seen = b''
        while data := server.recv(100):
            seen += data
        self.assertEqual(seen, b'more')
        self.kill()
        with self.assertRaises(ConnectionResetError):
            client.recv(100)


if __name__ == '__main__':
    harness.main()
