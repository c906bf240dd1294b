# SPDX-License-Identifier: ISC
"""What the checks with real programs share: adieu itself, servers, certificates.

A check names in its method what it promises. Everything happens on loopback and
in a temporary folder; whatever was started is ended, and adieu has to end well,
with status 0 and nothing on its conscience that a sanitizer noticed.
"""

import asyncio
import os
import pathlib
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
ADIEU = os.environ.get('ADIEU', str(SOURCE / 'build' / 'adieu'))
PATIENCE = 30           # seconds for anything that should take none
CLEAN = {'client-end': 'close_notify', 'backend-end': 'fin'}

os.environ['PATH'] += ':/usr/sbin:/sbin'


def need(*programs):
    """Real programs are what this is about: one that is missing is a failure.

    Only where ./dev deps cannot install it (that is, without apt) is it skipped.
    """
    missing = [name for name in programs if shutil.which(name) is None]
    if missing and shutil.which('apt-get') is None:
        raise unittest.SkipTest(f'not installed: {" ".join(missing)}')
    if missing:
        raise FileNotFoundError(f'not installed: {" ".join(missing)}; try ./dev deps test')


def wait_until(condition, what):
    """For what foreign programs do not announce. Everything else is waited for."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f'waited in vain for {what}')
        time.sleep(0.01)


def allow_descriptors(wanted):
    """Raises our limit, and that of whatever we start."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise OSError(f'{wanted} descriptors are needed, the hard limit is {hard}')
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def free_address():
    """A loopback address and a port on it that nobody else will ask for.

    Foreign servers cannot be told to take port 0 and say which one it was. All
    of 127/8 is ours, so each process takes an address made from its id: a port
    that was free on it a moment ago still is.
    """
    pid = os.getpid()
    host = f'127.{64 | pid >> 16 & 63}.{pid >> 8 & 255}.{pid & 255}'
    with socket.socket() as probe:
        probe.bind((host, 0))
        return host, probe.getsockname()[1]


def split_address(text):
    host, _, port = text.rpartition(':')
    return host.strip('[]'), int(port)


def receive_exactly(sock, length):
    """That many bytes; question marks from where the stream ends."""
    data = b''
    while len(data) < length:
        data += sock.recv(length - len(data)) or b'?' * length
    return data


class Server:
    """A foreign server in the foreground, from when it can be talked to to its end."""

    def __init__(self, command, address, folder, **options):
        self.log = open(pathlib.Path(folder) / f'{pathlib.Path(command[0]).name}.log', 'ab')
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, **options)
        self.address = address
        try:
            wait_until(self.answers, f'{command[0]} on {address}')
        except BaseException:
            self.stop()
            raise

    def answers(self):
        if self.process.poll() is not None:
            said = pathlib.Path(self.log.name).read_text(errors='replace')
            raise RuntimeError(f'{self.process.args[0]} ended at once: {said}')
        family = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET
        with socket.socket(family) as probe:
            return probe.connect_ex(self.address) == 0

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def inspectable(config):
    """What lets others than root look into the process, as some checks do."""
    if 'core-dumps' in config:
        return config
    if '[global]\n' in config:
        return config.replace('[global]\n', '[global]\ncore-dumps = yes\n', 1)
    return config + '\n[global]\ncore-dumps = yes\n'


class Daemon:
    """adieu, and what it logs, event by event."""

    def __init__(self, config, folder, **options):
        self.events = []
        self.lines = []
        self.is_over = False
        self.news = threading.Condition()
        self.process = subprocess.Popen(self.command(config, folder), stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True, errors='replace',
                                        **options)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.await_ready()

    @staticmethod
    def command(config, folder):
        path = pathlib.Path(folder) / 'adieu.conf'
        path.write_text(inspectable(config))
        return [ADIEU, '-c', str(path)]

    def await_ready(self):
        try:
            self.wait('ready')
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def read(self):
        for line in self.process.stderr:
            with self.news:
                self.lines.append(line)
                try:
                    words = shlex.split(line)
                except ValueError:
                    words = []
                event = dict(word.split('=', 1) for word in words if '=' in word)
                if 'event' in event:
                    self.events.append(event)
                self.news.notify_all()
        with self.news:
            self.is_over = True
            self.news.notify_all()

    def found(self, name, wanted):
        # In the log a key is written with a dash, which Python has other plans for.
        wanted = {key.replace('_', '-'): value for key, value in wanted.items()}
        return [event for event in self.events
                if event['event'] == name and wanted.items() <= event.items()]

    def wait(self, name, count=1, seconds=PATIENCE, **wanted):
        """Waits until count such events have been logged; returns them all."""
        with self.news:
            self.news.wait_for(lambda: len(self.found(name, wanted)) >= count or self.is_over,
                               seconds)
            found = self.found(name, wanted)
            if len(found) < count:
                raise AssertionError(f'{len(found)} of {count} events {name} {wanted} in:\n'
                                     + ''.join(self.lines[-60:]))
            return found

    def address(self, listener):
        return split_address(self.wait('listen', listener=listener)[0]['address'])

    def url(self, listener, path='/'):
        """Its certificate is for localhost, and what localhost is curl is told."""
        return f'https://localhost:{self.address(listener)[1]}{path}'

    def stop(self):
        """Asks it to end; what it had to say, if it did not end well."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = f'{self.process.wait()}, killed: it did not stop'
        self.reader.join(PATIENCE)
        self.process.stderr.close()
        return None if status == 0 else f'adieu: status {status}\n' + ''.join(self.lines[-60:])


class EchoBackend:
    """Says everything back, to any number of peers, and ends when they do."""

    def __init__(self, port=0):
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(
            asyncio.start_server(self.echo, '127.0.0.1', port, backlog=4096))
        self.address = '127.0.0.1:%d' % self.server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    @staticmethod
    async def echo(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass            # adieu's log says what that was
        finally:
            writer.close()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE)
        self.server.close()
        self.loop.run_until_complete(self.end_all())
        self.loop.close()

    @staticmethod
    async def end_all():
        """Connections that are still open."""
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Checks(unittest.TestCase):
    """A folder, a certificate, and an end to everything that was started."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='adieu-')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        # Servers started by root may serve as somebody else.
        os.chmod(self.folder, 0o755)
        self.make_certificate()

    def path(self, name):
        return os.path.join(self.folder, name)

    def make_certificate(self):
        """Its own authority, so that everybody can be made to verify it."""
        need('openssl')
        self.cert = self.path('cert.pem')
        self.key = self.path('key.pem')
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
             '-nodes', '-keyout', self.key, '-out', self.cert, '-days', '2',
             '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
            check=True, capture_output=True)

    def listener(self, name, backend, *more):
        """A TLS listener's section."""
        return self.plain_listener(name, backend, f'cert = {self.cert}', f'key = {self.key}',
                                   *more).replace('mode = tcp\n', '')

    def plain_listener(self, name, backend, *more):
        lines = [f'[listener:{name}]', 'mode = tcp', 'bind = 127.0.0.1:0', f'backend = {backend}']
        return '\n'.join([*lines, *more, ''])

    def tls_backend(self, name, server):
        """A backend that is spoken to in TLS, and has to prove who it is."""
        return (f'[backend:{name}]\nserver = {server}\ntls = yes\nverify = yes\n'
                f'ca = {self.cert}\nserver-name = localhost\n')

    def start(self, *sections):
        daemon = Daemon('\n'.join(sections), self.folder)
        self.addCleanup(self.end_well, daemon)
        return daemon

    def end_well(self, daemon):
        complaint = daemon.stop()
        self.assertIsNone(complaint, complaint)

    def serve(self, command, address, **options):
        server = Server(command, address, self.folder, **options)
        self.addCleanup(server.stop)
        return server

    def run_program(self, command, seconds=PATIENCE * 2, **options):
        """Runs a client; it has to succeed. Returns what it wrote to stdout."""
        done = subprocess.run(command, timeout=seconds, capture_output=True, check=False,
                              **{'input': b''} | options)
        self.assertEqual(done.returncode, 0,
                         f'{command}: {done.stderr.decode(errors="replace")[-2000:]}')
        return done.stdout

    def curl(self, *arguments, **options):
        need('curl')
        return self.run_program(['curl', '--silent', '--show-error', '--ipv4', '--noproxy', '*',
                                 '--cacert', self.cert, *arguments], **options)

    def nginx(self, listen, *directives):
        """nginx in one process, on one address or unix:/path, serving our folder's www."""
        need('nginx')
        os.makedirs(self.path('www'), exist_ok=True)
        unix = listen.startswith('unix:')
        config = self.path(f'nginx-{len(os.listdir(self.folder))}.conf')
        user = 'user root;' if os.geteuid() == 0 else ''
        temporary = ''.join(f'{name}_temp_path {self.folder};' for name in
                            ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
        pathlib.Path(config).write_text(
            f'{user} daemon off; master_process off; pid {config}.pid; error_log {config}.log;'
            f'events {{}} http {{ access_log off; {temporary} server {{ listen {listen};'
            f'root {self.path("www")}; {" ".join(directives)} }} }}')
        address = listen.removeprefix('unix:') if unix else split_address(listen.split()[0])
        return self.serve(['nginx', '-e', f'{config}.log', '-c', config], address)


def main():
    """Runs the checks of the calling program, and sums up as Check does."""
    result = unittest.main(exit=False, verbosity=2).result
    bad = len(result.failures) + len(result.errors)
    if result.skipped and len(result.skipped) == result.testsRun:
        sys.exit(77)
    percent = 100 * (result.testsRun - bad) // max(result.testsRun, 1)
    print(f'{percent}%: Checks: {result.testsRun}, Failures: {len(result.failures)}, '
          f'Errors: {len(result.errors)}')
    sys.exit(0 if result.wasSuccessful() else 1)
