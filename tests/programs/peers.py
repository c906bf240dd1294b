# SPDX-License-Identifier: ISC
"""Peers that see on the wire what adieu tells them: every byte, alert, FIN and RST."""

import select
import socket
import ssl
import time

PATIENCE = 10           # seconds for what happens at once or never


class Peer:
    """One end of a connection: what it says, and what it sees on the wire, to the last bit."""

    def __init__(self, plain, tls=None):
        plain.setblocking(False)
        self.plain = plain
        self.got = bytearray()
        self.out = bytearray()          # not yet with the kernel
        self.shy = False                # reads when nothing else happens
        self.ending = None              # of the peer's stream; see is_over()
        self.told = None                # by an alert, before the ending
        self.ends = False               # ours is to follow what is in out
        self.ended = False
        self.was_reset = False
        self.tls = None
        if tls is not None:
            self.from_wire, self.to_wire = ssl.MemoryBIO(), ssl.MemoryBIO()
            self.tls = tls(self.from_wire, self.to_wire)
        self.shaken = tls is None
        self.later = bytearray()        # to be said after the handshake
        self.advance()

    def fileno(self):
        return self.plain.fileno()

    def close(self):
        self.plain.close()

    @property
    def is_over(self):
        return self.ending is not None

    @property
    def heard_all(self):
        """True when the peer's stream has ended well, as far as can be seen."""
        return self.told == 'close_notify' if self.tls else self.ending == 'fin'

    def say(self, data, last=False):
        self.later += data
        self.ends = self.ends or last
        self.advance()

    # ---- TLS, if it is that ----

    def advance(self):
        """As far as it goes without new bytes from the wire."""
        try:
            self.shake()
            if self.shaken and (self.later or self.ends) and not self.ended:
                self.write()
            self.read()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.told = self.told or 'close_notify'
        except ssl.SSLError as error:
            self.told = self.told or error.reason or str(error)
            self.tls_is_lost()
        self.flush()

    def tls_is_lost(self):
        self.ended = True
        self.later.clear()

    def shake(self):
        if not self.shaken:
            self.tls.do_handshake()
            self.shaken = True

    def write(self):
        if self.tls is None:
            self.out += self.later
        elif self.later:
            self.tls.write(self.later)
        self.later.clear()
        if not self.ends:
            return
        self.ended = True
        if self.tls is not None:
            try:
                self.tls.unwrap()
            except ssl.SSLError:
                pass                # it asks for the answer, which is read in its time

    def read(self):
        while self.tls is not None and self.shaken and self.told is None:
            data = self.tls.read(65536)
            if not data:
                self.told = 'close_notify'
            self.got += data

    # ---- the wire ----

    def flush(self):
        if self.tls is not None:
            self.out += self.to_wire.read()
        try:
            while self.out:
                del self.out[:self.plain.send(self.out)]
            if self.ended and self.ends:
                self.plain.shutdown(socket.SHUT_WR)
                self.ends = False
        except BlockingIOError:
            pass
        except OSError as error:
            # The kernel tells of a RST once, and calls it an end of file then.
            self.was_reset = self.was_reset or isinstance(error, ConnectionResetError)
            self.out.clear()
            self.ends = False

    def hear(self):
        try:
            data = self.plain.recv(65536)
        except BlockingIOError:
            return False
        except ConnectionError:
            self.ending = 'rst'
            return False
        if not data:
            self.ending = 'rst' if self.was_reset else 'fin'
        elif self.tls is None:
            self.got += data
        else:
            self.from_wire.write(data)
        self.advance()
        return not self.is_over


class Door:
    """Where somebody may come, as one of those that play."""

    out, shy = b'', False

    def __init__(self, listening):
        self.listening = listening
        self.came = None

    def fileno(self):
        return self.listening.fileno()

    @property
    def is_over(self):
        return self.came is not None

    def hear(self):
        self.came = self.listening.accept()[0]


def play(peers, condition, seconds=PATIENCE):
    """Lets them talk until condition() is true. False: it never was."""
    deadline = time.monotonic() + seconds
    while not condition():
        shy = [peer for peer in peers if peer.shy and not peer.is_over]
        awake = [peer for peer in peers if not peer.shy and not peer.is_over]
        writes = [peer for peer in peers if peer.out]
        if time.monotonic() > deadline:
            return False
        readable, writable, _ = select.select(awake, writes, [], 0.005 if shy else 0.05)
        if not readable and not writable:
            for peer in shy:
                while peer.hear():
                    pass
        for peer in writable:
            peer.flush()
        for peer in readable:
            peer.hear()
    return True
