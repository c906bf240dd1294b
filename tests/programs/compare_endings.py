#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What one peer sees when the other one ends: adieu and the packaged proxies.

    compare_endings.py [--install] [--rounds N] [PROGRAM...]

Writes a table in Markdown: a row for each way to end, a column for each program
found. A cell tells what was seen on the wire, in bold where that is not what
happened at the other side. --install gets the programs with apt-get. The status
is 1 when adieu's column has a bold cell.
"""

import argparse
import collections
import contextlib
import os
import pathlib
import platform
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import compare_proxies
import compare_wire
import harness
from compare_wire import FIN, NOTHING, RST

VERSIONS = {'TLS 1.3': ssl.TLSVersion.TLSv1_3, 'TLS 1.2': ssl.TLSVersion.TLSv1_2}
TOKEN = b'it is me\n'
PART = b'a part of what was to come ' * 400
UPLOAD = bytes(2 << 20)
ANSWER = bytes(1 << 20)
LATE = 0.5              # seconds that a backend thinks before it answers
SETTLE = 0.5            # seconds for a log that may never have anything to say
TRUNCATED = re.compile(r'truncat|unexpected eof|premature|without close|no close.?notify', re.I)


class Stage:
    """A running proxy, its backend, and a way to put a relay on it."""

    def __init__(self, proxy_class, folder, cert):
        self.backend = compare_wire.Backend()
        self.proxy = proxy_class(folder, cert, self.backend.port)

    def client(self, version):
        return contextlib.closing(compare_wire.Client(self.proxy.address, version))

    @contextlib.contextmanager
    def relay(self, version):
        """Client and backend in mid-stream: each has heard the other."""
        with self.client(version) as client:
            client.send(TOKEN)
            server = self.backend.accept(TOKEN)[0]
            with server:
                server.sendall(TOKEN)
                client.read(len(TOKEN))
                yield client, server

    def stop(self):
        self.backend.close()
        return self.proxy.stop()


@contextlib.contextmanager
def beside(work):
    """Runs work at the same time; the other end may leave it in the middle."""
    def run():
        with contextlib.suppress(ConnectionError, TimeoutError):
            work()
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()


# ---- the ways to end, and what the other side saw ----

def client_ends_well(stage, version):
    with stage.relay(version) as (client, server):
        client.send(PART)
        client.close_notify()
        client.finish()
        return compare_wire.read_to_end(server)[1]


def backend_ends_well(stage, version):
    with stage.relay(version) as (client, server):
        server.sendall(PART)
        server.shutdown(socket.SHUT_WR)
        return seen_by_client(client)


def client_is_cut_between_records(stage, version):
    with stage.relay(version) as (client, server):
        client.send(PART)
        client.finish()
        return compare_wire.read_to_end(server)[1]


def client_is_cut_within_a_record(stage, version):
    with stage.relay(version) as (client, server):
        client.sock.sendall(client.seal(PART)[:-1])
        client.finish()
        return compare_wire.read_to_end(server)[1]


def client_resets(stage, version):
    with stage.relay(version) as (client, server):
        client.abort()
        return compare_wire.read_to_end(server)[1]


def backend_resets(stage, version):
    with stage.relay(version) as (client, server):
        compare_wire.abort(server)
        return seen_by_client(client)


def seen_by_client(client):
    end = client.read_to_end()[1]
    return f'{FIN}, no close_notify' if end == FIN else end


def client_uploads_and_is_gone(stage, version):
    """Its tickets, if it got any, are unread when it closes. How many bytes arrived?"""
    with stage.client(version) as client:
        records = client.seal(TOKEN + UPLOAD) + client.seal_close_notify()

        def upload():
            with client.sock:
                client.sock.sendall(records)

        with beside(upload):
            server, begun = stage.backend.accept(TOKEN)
            with server:
                return len(begun) + len(compare_wire.read_to_end(server)[0])


def backend_answers_late(stage, version):
    """The client has said that it is done, and waits. How many bytes does it get?"""
    with stage.relay(version) as (client, server):
        client.close_notify()
        client.finish()
        compare_wire.read_to_end(server)
        time.sleep(LATE)

        def answer():
            server.sendall(ANSWER)
            server.shutdown(socket.SHUT_WR)

        with beside(answer):
            return len(client.read_to_end()[0])


# ---- one cell ----

class Case:
    """seen(stage, version) gives what summary makes a text of; truth lists the honest texts."""

    def __init__(self, title, seen, *truth, versions=tuple(VERSIONS)):
        self.title = title
        self.seen = seen
        self.truth = truth
        self.versions = versions

    def summary(self, results):
        """results: what was seen in each round, for each version."""
        texts = {version: self.count(seen) for version, seen in results.items()}
        if len(set(texts.values())) == 1:
            return next(iter(texts.values()))
        return '; '.join(f'{version}: {text}' for version, text in texts.items())

    def count(self, seen):
        counts = collections.Counter(seen)
        if len(counts) == 1:
            return seen[0]
        return ', '.join(f'{text} ({n} of {len(seen)})' for text, n in counts.most_common())

    def cell(self, stage, rounds):
        results = {version: [self.seen(stage, VERSIONS[version]) for _ in range(rounds)]
                   for version in self.versions}
        text = self.summary(results)
        return text if text in self.truth else f'**{text}**'


class Bytes(Case):
    """How much of something arrived."""

    def __init__(self, title, seen, whole, **more):
        super().__init__(title, seen, 'all of it', **more)
        self.whole = whole

    def count(self, seen):
        complete = seen.count(self.whole)
        if complete == len(seen):
            return 'all of it'
        least, most = min(seen) // 1000, max(n for n in seen if n != self.whole) // 1000
        size = f'{least} kB' if least == most else f'{least} to {most} kB'
        return f'{size}; all of it {complete} of {len(seen)} times' if complete else size


CASES = (
    Case('client ends well; backend sees', client_ends_well, FIN),
    Case('backend ends well; client sees', backend_ends_well,
         f'close_notify, {FIN}', f'close_notify, {NOTHING}'),
    Case('client cut off between records; backend sees',
         client_is_cut_between_records, RST),
    Case('client cut off within a record; backend sees',
         client_is_cut_within_a_record, RST),
    Case('client sends RST; backend sees', client_resets, RST),
    Case('backend sends RST; client sees', backend_resets, RST, f'{FIN}, no close_notify'),
    Bytes('client uploads 2 MB, close_notify, closes, reads nothing; backend gets',
          client_uploads_and_is_gone, len(UPLOAD), versions=('TLS 1.3',)),
    Bytes('client sends close_notify and FIN, then waits for 1 MB; client gets',
          backend_answers_late, len(ANSWER)),
)


# ---- what the log says ----

def logged(proxy_class, folder, cert, case):
    """The lines of a log that knows of one relay."""
    stage = Stage(proxy_class, folder, cert)
    try:
        case(stage, ssl.TLSVersion.TLSv1_3)
        time.sleep(SETTLE)
    finally:
        text = stage.stop()
    return text.replace(str(folder), '').splitlines()


def without_numbers(line):
    return re.sub(r'[0-9]+', '0', line)


def log_of_truncation(proxy_class, make_folder, cert):
    """The lines that a truncated client causes and a well-ended one does not."""
    usual = logged(proxy_class, make_folder(), cert, client_ends_well)
    usual = {without_numbers(line) for line in usual}
    lines = logged(proxy_class, make_folder(), cert, client_is_cut_between_records)
    return [line for line in lines if without_numbers(line) not in usual]


def log_cell(lines):
    if any(TRUNCATED.search(line) for line in lines):
        return 'yes'
    return '**no**, but it differs from a good end' if lines else '**no**'


# ---- the table ----

def column(proxy_class, make_folder, cert, rounds):
    """The cells for one program, and what was special in its log."""
    stage = Stage(proxy_class, make_folder(), cert)
    try:
        cells = [case.cell(stage, rounds) for case in CASES]
    finally:
        stage.stop()
    lines = log_of_truncation(proxy_class, make_folder, cert)
    return [*cells, log_cell(lines)], lines


def print_table(columns):
    titles = [*(case.title for case in CASES), 'the log names the cut']
    print('|', *(f'| {version}' for version in columns), '|')
    print('|---' * (len(columns) + 1) + '|')
    for i, title in enumerate(titles):
        print(f'| {title} |', ' | '.join(cells[i] for cells, _ in columns.values()), '|')


def print_logs(columns):
    for version, (_, lines) in columns.items():
        print(f'\n{version}, of a client that was cut off and not of one that ended well:')
        for line in lines or ['(nothing)']:
            print(f'    {line}')


def print_setting(rounds):
    system = ' '.join(platform.freedesktop_os_release().get(key, '') for key in ('NAME', 'VERSION'))
    print(f'{system}, Linux {platform.release()}, {ssl.OPENSSL_VERSION}; {rounds} rounds each, '
          'in TLS 1.3 and 1.2 alike where nothing else is said.\n')


def compare(proxy_classes, rounds):
    columns = {}
    with tempfile.TemporaryDirectory(prefix='adieu-compare-') as folder:
        os.chmod(folder, 0o755)     # for those that change their user
        cert = make_certificate(folder)

        def make_folder():
            path = tempfile.mkdtemp(dir=folder)
            os.chmod(path, 0o755)
            return path

        for proxy_class in proxy_classes:
            columns[proxy_class.version()] = column(proxy_class, make_folder, cert, rounds)
    print_setting(rounds)
    print_table(columns)
    print_logs(columns)
    return columns


def make_certificate(folder):
    """Certificate and key in one file: all of them can read that."""
    harness.need('openssl')
    path = pathlib.Path(folder) / 'both.pem'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
                    '-subj', '/CN=localhost', '-keyout', path, '-out', f'{path}.cert'],
                   check=True, capture_output=True)
    with open(path, 'a', encoding='ascii') as file:
        file.write(pathlib.Path(f'{path}.cert').read_text(encoding='ascii'))
    return path


def main():
    names = [proxy.name for proxy in compare_proxies.ALL]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--install', action='store_true', help='get the programs with apt-get')
    parser.add_argument('--rounds', type=int, default=8, help='of each case and TLS version')
    parser.add_argument('program', nargs='*', help=f'of {", ".join(names)}; all by default')
    arguments = parser.parse_args()
    if not set(arguments.program) <= set(names) or arguments.rounds < 1:
        parser.error(f'programs are {", ".join(names)}, and rounds at least 1')
    chosen = [proxy for proxy in compare_proxies.ALL
              if proxy.name in (arguments.program or names)]
    if arguments.install:
        compare_proxies.install(chosen)
    for proxy in chosen:
        if proxy.executable() is None:
            print(f'{proxy.name} is not installed (--install gets it)', file=sys.stderr)
    columns = compare([proxy for proxy in chosen if proxy.executable()], arguments.rounds)
    sys.exit(any(version.startswith('adieu ') and '**' in ''.join(cells)
                 for version, (cells, _) in columns.items()))


if __name__ == '__main__':
    main()
