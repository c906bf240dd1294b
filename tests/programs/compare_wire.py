# SPDX-License-Identifier: ISC
"""A TLS client that can be rude, and a backend that sees everything.

The client speaks TLS into memory and carries the records itself, so that it can
keep one back, cut one in two, and leave out its close_notify. Both say of the
other side's end what came: close_notify, FIN, RST, or nothing in a while.
"""

import contextlib
import socket
import ssl
import struct

PATIENCE = 5           # seconds after which nothing is "nothing"

FIN = 'FIN'
RST = 'RST'
NOTHING = f'nothing for {PATIENCE} s'


def abort(sock):
    """Closes it with a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    sock.close()


def receive(sock):
    """Some bytes and None, or no bytes and how the stream ended."""
    try:
        data = sock.recv(1 << 16)
    except ConnectionResetError:
        return b'', RST
    except TimeoutError:
        return b'', NOTHING
    return data, None if data else FIN


class Client:
    """Connects, and is through with the handshake when it is made."""

    def __init__(self, address, version):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname='localhost')
        self.sock = socket.create_connection(address, PATIENCE)
        self.sock.settimeout(PATIENCE)
        try:
            self.shake_hands()
        except BaseException:
            self.sock.close()
            raise

    def shake_hands(self):
        while True:
            try:
                return self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self.carry()
                data, end = receive(self.sock)
                if end:
                    raise ConnectionError(f'{end} in the handshake') from None
                self.incoming.write(data)
            finally:
                self.carry()

    def carry(self):
        if self.outgoing.pending:
            self.sock.sendall(self.outgoing.read())

    def seal(self, data):
        """The records that hold data, not sent."""
        self.tls.write(data)
        return self.outgoing.read()

    def send(self, data):
        self.sock.sendall(self.seal(data))

    def seal_close_notify(self):
        # It only wants the other side's close_notify when ours is written.
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        return self.outgoing.read()

    def close_notify(self):
        self.sock.sendall(self.seal_close_notify())

    def finish(self):
        self.sock.shutdown(socket.SHUT_WR)

    def unseal(self):
        """What can be read of what came in, and whether close_notify was behind it."""
        data = b''
        while True:
            try:
                more = self.tls.read(1 << 16)
            except ssl.SSLWantReadError:
                return data, False
            except ssl.SSLZeroReturnError:
                return data, True
            if not more:
                return data, True
            data += more

    def read(self, size):
        """At least size bytes."""
        data = b''
        while len(data) < size:
            records, end = receive(self.sock)
            if end:
                raise ConnectionError(f'{end} after {len(data)} of {size} bytes')
            self.incoming.write(records)
            data += self.unseal()[0]
        return data

    def read_to_end(self):
        """The bytes, and the end as "close_notify, FIN" or what else it was."""
        data = b''
        notified = False
        end = None
        while end is None:
            records, end = receive(self.sock)
            self.incoming.write(records)
            if not notified:
                more, notified = self.unseal()
                data += more
        return data, f'close_notify, {end}' if notified else end

    def close(self):
        self.sock.close()

    def abort(self):
        abort(self.sock)


class Backend:
    """A plain TCP server, one connection at a time."""

    def __init__(self):
        self.listening = socket.create_server(('127.0.0.1', 0), backlog=64)
        self.listening.settimeout(PATIENCE)
        self.port = self.listening.getsockname()[1]

    def accept(self, token):
        """The connection that begins with token; others were knocks at the proxy's door."""
        while True:
            sock = self.listening.accept()[0]
            sock.settimeout(PATIENCE)
            data = b''
            end = None
            while len(data) < len(token) and end is None:
                more, end = receive(sock)
                data += more
            if data.startswith(token):
                return sock, data[len(token):]
            sock.close()

    def close(self):
        self.listening.close()


def read_to_end(sock):
    """The bytes, and how they ended."""
    chunks = []
    end = None
    while end is None:
        data, end = receive(sock)
        chunks.append(data)
    return b''.join(chunks), end
