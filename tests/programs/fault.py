# SPDX-License-Identifier: ISC
"""What the checks with faults share: adieu with calls that fail, and peers that watch.

tests/support/fault.c, preloaded, counts the calls of adieu that may fail, and
lets those fail that it is told to. A check runs its scenario again and again,
and each time another call fails, until there are no more of them.

What else goes wrong around adieu is seen to elsewhere: a limit of descriptors
under load, and that accepting pauses without spinning, in
tests/scenario/test_limits.c; files that are deleted, garbage, or of no use in a
reload, in reload.py, and in an upgrade, in upgrade.py; /dev/full, and a log that
cannot be opened again, in tests/unit/test_log.c and test_log_output.c.
"""

import contextlib
import ctypes
import fcntl
import mmap
import os
import pathlib
import shutil
import socket
import ssl
import subprocess

import harness
from peers import PATIENCE, Door, Peer, play

LIBRARY = os.environ.get('ADIEU_FAULT', str(harness.SOURCE / 'build/tests/support/libfault.so'))
HAS_MEMORY = os.environ.get('ADIEU_FAULT_MEMORY', '1') == '1'
# In place of a part of the calls, chosen evenly, each of them (half an hour).
ALL = bool(os.environ.get('ADIEU_FAULTS_ALL'))

OUR_MEMORY, TLS_MEMORY, DESCRIPTORS = 1, 2, 4
FOR_EVER = 0xffffffff


class Control(ctypes.Structure):
    """struct fault_control, shared with whoever has loaded the library."""

    _fields_ = [('armed', ctypes.c_uint32), ('pid', ctypes.c_uint32), ('spared', ctypes.c_uint32),
                ('first', ctypes.c_uint32), ('last', ctypes.c_uint32), ('calls', ctypes.c_uint32),
                ('failed', ctypes.c_uint32), ('error', ctypes.c_int32), ('clock', ctypes.c_int64),
                ('where', ctypes.c_char * 4096), ('crash', ctypes.c_char * 4096)]

    @classmethod
    def open(cls, folder):
        path = pathlib.Path(folder) / 'control'
        if not path.exists():
            path.write_bytes(bytes(ctypes.sizeof(cls)))
        with open(path, 'r+b') as file:
            return cls.from_buffer(mmap.mmap(file.fileno(), ctypes.sizeof(cls)))

    def arm(self, kinds, first, last, error=0, pid=0, spared=0):
        self.armed = 0
        self.calls = self.failed = 0
        self.where = self.crash = b''
        self.first, self.last, self.error = first, last, error
        self.pid, self.spared = pid, spared
        self.armed = kinds

    def disarm(self):
        self.armed = 0


def stack(text):
    """Names for what Control says of a stack, as far as they are to be had."""
    names = []
    for frame in text.decode().split():
        module, offset = frame.rsplit('+', 1)
        if module != 'adieu' or shutil.which('addr2line') is None:
            names.append(frame)
            continue
        # A return address is behind the call.
        said = subprocess.run(['addr2line', '-fse', harness.ADIEU, hex(int(offset, 16) - 1)],
                              capture_output=True, text=True, check=False).stdout.split()
        names.append(':'.join(said[:1] + said[1].split(':')[1:]) if len(said) > 1 else frame)
    return ' < '.join(names)


class Adieu(harness.Daemon):
    """adieu with the library in front of it."""

    def __init__(self, config, folder, **options):
        self.control = Control.open(folder)
        with loaded(pathlib.Path(folder) / 'control'):
            super().__init__(config, folder, **options)

    def forget(self):
        """What has been logged so far; so each look into the log is a short one."""
        with self.news:
            self.events.clear()
            self.lines.clear()

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.process.pid}/fd'))

    def arm(self, *arguments, **options):
        self.control.arm(*arguments, pid=self.process.pid, **options)


class Starting(Adieu):
    """It may not come to that."""

    def await_ready(self):
        """Until it is ready, or over."""
        with self.news:
            self.news.wait_for(lambda: self.is_over or self.is_ready(), harness.PATIENCE)

    def is_ready(self):
        return bool(self.found('ready', {}))

    def end(self):
        """Its status; a hang is one, too."""
        if not self.is_over:
            self.process.terminate()
        try:
            status = self.process.wait(harness.PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = f'{self.process.wait()}, for it did not end'
        self.reader.join(harness.PATIENCE)
        self.process.stderr.close()
        return status


@contextlib.contextmanager
def loaded(control, **more):
    """What is started within has the library in front of it."""
    before = dict(os.environ)
    os.environ.update(LD_PRELOAD=LIBRARY, FAULT_CONTROL=str(control), **more)
    if HAS_MEMORY:
        os.environ['FAULT_CRASH'] = '1'
    else:       # it stands before the sanitizer's library, which has nothing against it
        for name in 'ASAN_OPTIONS', 'TSAN_OPTIONS':
            os.environ[name] = ':'.join(
                filter(None, [os.environ.get(name), 'verify_asan_link_order=0']))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


REQUEST = bytes(range(256)) * 80
ANSWER = bytes(reversed(range(256))) * 80


class Checks(harness.Checks):
    """A client and a server with adieu between them, and a judge."""

    options = {}                        # with which adieu is started

    def setUp(self):
        super().setUp()
        self.client_context = ssl.create_default_context(cafile=self.cert)
        self.server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server_context.load_cert_chain(self.cert, self.key)
        self.call = 0                   # the one that fails, for messages
        self.size = 1                   # of request and answer
        self.shy = False                # who reads is slow

    def listen(self, kind):
        """The server's door; returns its address for a configuration."""
        if kind == 'unix':
            self.door = socket.socket(socket.AF_UNIX)
            self.door.bind(self.path('door'))
            address = f'unix:{self.path("door")}'
        else:
            self.door = socket.socket()
            self.door.bind(('127.0.0.1', 0))
            address = '127.0.0.1:%d' % self.door.getsockname()[1]
        self.addCleanup(self.door.close)
        self.door.listen()
        self.door.setblocking(False)
        return address

    def sections(self, client, server, *more):
        """adieu between a client and a server of a kind: plain, tls, unix.

        That is TLS on a Unix socket for a client.
        """
        self.client_kind, self.server_kind = client, server
        address = self.listen(server)
        sections = ['[global]\nworkers = 1\n']
        if server == 'tls':
            sections.append(self.tls_backend('b', address))
            address = 'b'
        make = self.plain_listener if client == 'plain' else self.listener
        listener = make('a', address, *more)
        if client == 'unix':
            listener = listener.replace('127.0.0.1:0', f'unix:{self.path("in")}')
        return '\n'.join([*sections, listener])

    def open(self, client, server, *more):
        self.adieu = Adieu(self.sections(client, server, *more), self.folder, **self.options)
        self.addCleanup(self.end_well, self.adieu)
        self.find()
        self.adieu.forget()

    def find(self):
        where = self.adieu.wait('listen', listener='a')[-1]['address']
        self.address = where.removeprefix('unix:') if self.client_kind == 'unix' \
            else harness.split_address(where)

    # ---- a visit ----

    def wrap_client(self, incoming, outgoing):
        return self.client_context.wrap_bio(incoming, outgoing, server_hostname='localhost')

    def wrap_server(self, incoming, outgoing):
        return self.server_context.wrap_bio(incoming, outgoing, server_side=True)

    def knock(self):
        plain = socket.socket(socket.AF_UNIX if self.client_kind == 'unix' else socket.AF_INET)
        plain.connect(self.address)
        return Peer(plain, None if self.client_kind == 'plain' else self.wrap_client)

    def visit(self):
        """Request, end, answer, end. Returns client and server; the latter may be None."""
        client = self.knock()
        client.say(REQUEST * self.size, last=True)
        server = self.await_server(client)
        peers = [client] if server is None else [client, server]
        for peer in peers:
            peer.shy = self.shy
        if server is not None:
            self.answer(client, server)
        if not play(peers, lambda: all(peer.is_over for peer in peers)):
            self.complain('it hangs', client, server)
        for peer in peers:
            peer.close()
        return client, server

    def await_server(self, client):
        """Who is connected to; None when the client was ended before that."""
        door = Door(self.door)

        def is_settled():
            # Nobody is taken in as long as that fails, and nobody turned away.
            if self.adieu.control.armed and self.adieu.found('accept-paused', {}):
                self.adieu.control.disarm()
            return client.is_over or door.is_over

        if not play([client, door], is_settled):
            self.complain('nobody comes', client)
        if door.came is None:
            return None
        return Peer(door.came, self.wrap_server if self.server_kind == 'tls' else None)

    def answer(self, client, server):
        if not play([client, server],
                    lambda: server.is_over or server.heard_all or client.is_over):
            self.complain('no request', client, server)
        if server.heard_all and server.got == REQUEST * self.size:
            server.say(ANSWER * self.size, last=True)
        elif not server.is_over:
            play([server], lambda: server.is_over)

    # ---- the judge ----

    def complain(self, what, client=None, server=None):
        control = self.adieu.control
        control.disarm()
        said = [what, f'call {self.call}: {stack(control.where)}']
        for name, peer in ('client', client), ('server', server):
            if peer is not None:
                said.append(f'{name}: {len(peer.got)} bytes, {peer.told}, {peer.ending}')
        if self.adieu.process.poll() is not None:
            said.append(f'adieu ended: {self.adieu.process.poll()}, {stack(control.crash)}')
        self.fail('\n'.join(said) + '\n' + ''.join(self.adieu.lines[-20:]))

    def judge(self, client, server):
        """Nobody was told of a good end who has not got it all, and the log knows.

        True: both got it all. On a Unix socket an abort looks like an end.
        """
        heard = server is not None and server.heard_all and self.server_kind != 'unix'
        if heard and server.got != REQUEST * self.size:
            self.complain('the request is not whole', client, server)
        if client.heard_all and client.got != ANSWER * self.size:
            self.complain('the answer is not whole', client, server)
        if self.client_kind == 'tls' and client.ending == 'fin' and not client.told:
            self.complain('a FIN without a word', client, server)
        fine = client.heard_all and server is not None and server.got == REQUEST * self.size
        self.find_line(client, server, self.is_well if fine else self.is_trouble)
        return fine

    def find_line(self, client, server, condition):
        def found():
            return any(condition(event) for event in self.adieu.events)

        with self.adieu.news:
            if not self.adieu.news.wait_for(found, PATIENCE):
                self.complain(f'the log lacks a line: {condition.__name__}', client, server)

    def is_well(self, event):
        ends = {'plain': 'fin', 'unix': 'fin', 'tls': 'close_notify'}
        return event['event'] == 'relay' and event['backend-end'] == ends[self.server_kind] and \
            event['client-end'] == ('fin' if self.client_kind == 'plain' else 'close_notify')

    @staticmethod
    def is_trouble(event):
        """It says what was missing.

        But for one case in which OpenSSL 3.0 goes on without what it could not
        allocate: not having been able to look up a group for TLS 1.3 it offers
        1.2, with the mark of an attack, and the client turns away. Of more than a
        hundred in a second there is only the number.
        """
        if event['event'] == 'handshake' and 'suppressed' in event:
            return True
        said = ' '.join(event.get(key, '') for key in ('reason', 'cause', 'backend-end'))
        return event['event'] in ('relay', 'handshake', 'refused', 'accept-paused') and \
            ('out_of_' in said or event.get('cause') == 'alert:illegal_parameter')

    def expect_good_visit(self, descriptors):
        client, server = self.visit()
        if not self.judge(client, server):
            self.complain('it has not recovered', client, server)
        harness.wait_until(lambda: self.adieu.descriptors() == descriptors, 'every descriptor')
        self.adieu.forget()


class Activated:
    """For checks whose listener has its socket from a service manager, which passes another too."""

    def setUp(self):
        self.passed = [socket.create_server(('127.0.0.1', 0)) for _ in range(2)]
        for one in self.passed:
            self.addCleanup(one.close)
        # What is not passed is closed by exec.
        self.options = {'preexec_fn': self.activate, 'close_fds': False}
        super().setUp()

    def activate(self):
        """In the process that becomes adieu."""
        free = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, 100) for one in self.passed]
        for number, one in enumerate(free, 3):
            os.dup2(one, number)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='2', LISTEN_FDNAMES='other:web')

    def sections(self, *arguments):
        return super().sections(*arguments).replace('bind = 127.0.0.1:0', 'bind = systemd:web')

    def find(self):
        self.address = self.passed[1].getsockname()
