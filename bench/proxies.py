# SPDX-License-Identifier: ISC
"""The proxies: how each is started, what belongs to it, how it is stopped."""

import contextlib
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import machine
import modes

HERE = Path(__file__).resolve().parent
BACKEND = '127.0.0.1:7000'
PATIENCE = 15                # seconds, for whatever should take none


class Failure(Exception):
    """Something could not be measured; the text says why."""


class Server:
    """A running program and its children, pinned to a core."""

    def __init__(self, name, command, folder, core, doors):
        self.name, self.command, self.folder = name, command, folder
        self.core, self.doors = core, doors
        self.process = None
        self.log = folder / f'{name}.log'

    def start(self):
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=lambda: os.sched_setaffinity(0, {self.core}))
        for door in self.doors:
            self.await_door(door)

    def await_door(self, door):
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(ConnectionRefusedError), \
                    socket.create_connection(door, timeout=PATIENCE):
                return
            time.sleep(0.02)
        self.stop()
        raise Failure(f'{self.name} does not listen on {door[0]}:{door[1]}; {self.last_words()}')

    def last_words(self):
        lines = self.log.read_text(errors='replace').strip().splitlines()
        return f'its last words: {lines[-1]}' if lines else 'it said nothing'

    def obituary(self):
        """What to add to bad news if it has gone by itself."""
        if self.process is None or self.process.poll() is None:
            return ''
        return f'; it has ended with status {self.process.returncode}, {self.last_words()}'

    def pids(self):
        """Its own and its children's: all have kept its session."""
        return [int(stat.parent.name) for stat in Path('/proc').glob('[0-9]*/stat')
                if session_of(stat) == self.process.pid]

    def pin(self):
        """Once more: hitch chooses a core by itself."""
        for pid in self.pids():
            for task in Path(f'/proc/{pid}/task').iterdir():
                os.sched_setaffinity(int(task.name), {self.core})

    def cpu(self):
        """Nanoseconds so far, also those of threads that are gone (see account.h)."""
        return sum(time.clock_gettime_ns(~pid << 3 | 2) for pid in self.pids())

    def pss(self):
        """kB of memory, shared pages divided among those who share them."""
        return sum(int(re.search(r'^Pss:\s+(\d+)', rollup, re.M).group(1))
                   for rollup in (Path(f'/proc/{pid}/smaps_rollup').read_text()
                                  for pid in self.pids()))

    def stop(self):
        """Returns what the kernel says it has used in all, in nanoseconds."""
        if self.process is None:
            return 0
        before = children_time()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=2)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        until = time.monotonic() + PATIENCE
        while self.pids() and time.monotonic() < until:
            time.sleep(0.01)     # children of its own, which may still listen
        self.process = None
        return children_time() - before


def session_of(stat):
    try:
        return int(stat.read_text().rpartition(')')[2].split()[3])
    except OSError:
        return None


def children_time():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return int((used.ru_utime + used.ru_stime) * 1e9)


class Proxy(Server):
    """A server that stands between load and backend, or makes as if."""

    def __init__(self, name, role, command, address, folder, core, plain=True):
        ports = [modes.ECDSA, modes.RSA] + [modes.PLAIN] * plain
        super().__init__(name, command, folder, core, [(address, port) for port in ports])
        self.role = role     # adieu, peer or limit
        self.address = address
        self.plain = plain
        self.bulk = name.endswith('-bulk')

    def takes_part(self, mode):
        return (mode.port != modes.PLAIN or self.plain) and (not self.bulk or mode.bulk)


def make_certificates(folder):
    for name, key in ('ecdsa', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']), \
                     ('rsa', ['rsa:2048']):
        pem = folder / f'{name}.pem'
        pem.touch(mode=0o600)
        cert = subprocess.run(['openssl', 'req', '-x509', '-nodes', '-subj', '/CN=bench', '-days',
                               '30', '-newkey', *key, '-keyout', pem], check=True,
                              capture_output=True, cwd=folder).stdout
        with open(pem, 'ab') as file:
            file.write(cert)


def backend(serve, folder, core):
    host, port = BACKEND.split(':')
    return Server('backend', [serve, 'plain', BACKEND], folder, core, [(host, int(port))])


def direct(serve, folder, core):
    """Proxies nothing: what the cryptography costs in itself."""
    address = '127.0.1.6'
    return Proxy('direct', 'limit', [
        serve, 'tls', 'ecdsa.pem', f'{address}:{modes.ECDSA}',
        'tls', 'rsa.pem', f'{address}:{modes.RSA}', 'plain', f'{address}:{modes.PLAIN}',
    ], address, folder, core)


def other_adieu(binary, folder, core):
    """A second build, with the first one's configuration at an address of its own."""
    text = (HERE / 'peers' / 'adieu.ini').read_text().replace('127.0.1.1', '127.0.1.7')
    (folder / 'other.ini').write_text(text)
    return Proxy('other', 'other', [binary, '-c', 'other.ini'], '127.0.1.7', folder, core)


def prepare(folder, adieu, serve, core):
    """All of them by name, none started. Their files are in peers/, as they are used."""
    make_certificates(folder)
    for file in (HERE / 'peers').iterdir():
        shutil.copy(file, folder)

    def peer(name, command, address, plain=True):
        return Proxy(name, 'peer', command, address, folder, core, plain)

    def nginx(name, address):
        return peer(name, ['nginx', '-p', f'{folder}/', '-c', f'{name}.conf'], address)

    found = [
        Proxy('adieu', 'adieu', [adieu, '-c', 'adieu.ini'], '127.0.1.1', folder, core),
        peer('haproxy', ['haproxy', '-f', 'haproxy.cfg'], '127.0.1.2'),
        peer('haproxy-bulk', ['haproxy', '-f', 'haproxy-bulk.cfg'], '127.0.1.12'),
        nginx('nginx', '127.0.1.3'),
        nginx('nginx-bulk', '127.0.1.13'),
        peer('hitch', ['hitch', '--config=hitch.conf'], '127.0.1.4', plain=False),
        peer('stunnel', ['stunnel4', 'stunnel.conf'], '127.0.1.5', plain=False),
        direct(serve, folder, core),
    ]
    return {proxy.name: proxy for proxy in found if machine.have(str(proxy.command[0]))}


def versions(adieu):
    asked = {'adieu': (adieu, '--version'), 'haproxy': ('haproxy', '-v'), 'nginx': ('nginx', '-v'),
             'hitch': ('hitch', '--version'), 'stunnel': ('stunnel4', '-version')}
    said = {name: machine.version(*command) for name, command in asked.items()}
    return {name: text for name, text in said.items() if text}
