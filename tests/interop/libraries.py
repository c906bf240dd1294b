# SPDX-License-Identifier: ISC
"""TLS clients on eight libraries, all called the same way.

Four are programs of our own, which are told "key=value" each (host, port, name,
ca, version, request, times; cert, key, p12 and alpn if wanted) and connect that
many times with one session cache: they send the request as a line, read to the
end, and print what they saw as JSON, a line for each connection. The end is
"clean" (close_notify), "truncated", "error" or "handshake". The others are told
with options of their own and say less.
"""

import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SECONDS = 120


def run(command, **options):
    return subprocess.run(list(map(str, command)), timeout=SECONDS, capture_output=True,
                          check=False, **{'stdin': subprocess.DEVNULL} | options)


def build(command, **options):
    done = run(command, **options)
    if done.returncode != 0:
        raise RuntimeError(f'{command}: {done.stderr.decode(errors="replace")[-3000:]}')


class Ours:
    """Built once into a folder, and run there."""

    leaves = 'close_notify' # how it ends, having been told the end
    header = 0              # bytes that it gets besides
    resumes = '1.2', '1.3'
    offers = True           # protocols, by ALPN
    declines = ()           # to show certificates that it finds fault with itself

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def prepare(self):
        pass

    def talk(self, **told):
        done = run([*self.command(), *(f'{key}={value}' for key, value in told.items())])
        if done.returncode != 0:
            raise AssertionError(f'{self.command()}: {done.stderr.decode(errors="replace")}')
        return [json.loads(line) for line in done.stdout.decode().splitlines()]


class Go(Ours):

    def prepare(self):
        build(['go', 'build', '-o', self.folder / 'go-client', HERE / 'client.go'],
              env=os.environ | {'GOCACHE': str(self.folder / 'go'), 'GO111MODULE': 'off'})

    def command(self):
        return [self.folder / 'go-client']


class Java(Ours):

    def prepare(self):
        build(['javac', '-d', self.folder, HERE / 'Client.java'])

    def command(self):
        # A short life: to compile well costs more than it brings.
        return ['java', '-XX:TieredStopAtLevel=1', '-Xshare:auto', '-cp', self.folder, 'Client']


class Python(Ours):

    def command(self):
        return [sys.executable, HERE / 'client.py']


class Rustls(Ours):
    """From Debian's crates, with Debian's compiler, so that they fit."""

    def prepare(self):
        shutil.copytree(HERE / 'rustls', self.folder / 'rustls', dirs_exist_ok=True)
        build(['/usr/bin/cargo', 'build', '--offline', '--release', '--quiet',
               '--config', 'source.crates-io.replace-with="debian"',
               '--config', 'source.debian.directory="/usr/share/cargo/registry"'],
              cwd=self.folder / 'rustls', env=os.environ | {'RUSTC': '/usr/bin/rustc'})

    def command(self):
        return [self.folder / 'rustls/target/release/client']


def report(data, **more):
    return {'tls': '', 'alpn': '', 'bytes': len(data), 'end': 'clean', 'error': '',
            'digest': hashlib.sha256(data).hexdigest()} | more


class OpenSSL(Ours):
    """s_client: what the session was goes to stderr with -brief."""

    def talk(self, host, port, name, ca, version, request, times=1, **more):
        said = []
        session = self.folder / f'session-{os.getpid()}'
        for number in range(times):
            command = ['openssl', 's_client', '-quiet', '-brief', '-connect', f'{host}:{port}',
                       '-servername', name, '-verify_return_error', '-verify_hostname', name,
                       '-CAfile', ca, f'-tls{version.replace(".", "_")}', '-sess_out', session]
            if number > 0:
                command += ['-sess_in', session]
            if 'alpn' in more:
                command += ['-alpn', more['alpn']]
            if 'cert' in more:
                command += ['-cert', more['cert'], '-key', more['key']]
            done = run(command, stdin=None, input=f'{request}\n'.encode())
            errors = done.stderr.decode(errors='replace')
            known = re.search(r'Protocol version: (\S+)', errors)
            end = 'clean' if done.returncode == 0 else 'error' if known else 'handshake'
            said.append(report(done.stdout, tls=known[1] if known else '', error=errors, end=end))
        session.unlink(missing_ok=True)
        return said


class Curl(Ours):
    """Speaks HTTP, so the request is the path and the answer has to be HTTP.

    It does not ask for tickets in TLS 1.2.
    """

    resumes = ('1.3',)
    offers = False
    header = len(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n')

    def talk(self, host, port, name, ca, version, request, times=1, **more):
        url = f'https://{name}:{port}/{request.replace(" ", "/")}'
        command = ['curl', '--silent', '--show-error', '--noproxy', '*', '--cacert', ca,
                   '--connect-to', f'{name}:{port}:{host}:{port}', f'--tlsv{version}',
                   '--tls-max', version, '--http1.1', '--header', 'Connection: close']
        if 'alpn' not in more:
            command.append('--no-alpn')
        if 'cert' in more:
            command += ['--cert', more['cert'], '--key', more['key']]
        said = []
        folder = self.folder / f'curl-{os.getpid()}'
        folder.mkdir(exist_ok=True)
        done = run([*command, '--write-out', '%{exitcode} %{errormsg}\n', '--output',
                    folder / '#1', url + '?[1-%d]' % times])
        for number, line in enumerate(done.stdout.decode().splitlines(), 1):
            status, _, message = line.partition(' ')
            path = folder / str(number)
            data = path.read_bytes() if path.exists() else b''
            end = 'clean' if status == '0' else 'handshake' if status == '35' else 'error'
            said.append(report(data, end=end, error=message))
        shutil.rmtree(folder)
        return said


class GnuTLS(Ours):
    """Resumes a session in which nothing was said; in TLS 1.3 there is no ticket before that."""

    resumes = ('1.2',)

    def talk(self, host, port, name, ca, version, request, times=1, **more):
        command = ['gnutls-cli', '--x509cafile', ca, '--sni-hostname', name, '--verify-hostname',
                   name, '--port', port, host, '--logfile', self.folder / f'gnutls-{os.getpid()}',
                   '--priority', f'NORMAL:-VERS-ALL:+VERS-TLS{version}']
        if 'alpn' in more:
            command += [f'--alpn={one}' for one in more['alpn'].split(',')]
        if 'cert' in more:
            command += ['--x509certfile', more['cert'], '--x509keyfile', more['key']]
        if times > 1:
            command += ['--resume']
        done = run(command, stdin=None, input=f'{request}\n'.encode())
        log = (self.folder / f'gnutls-{os.getpid()}').read_text(errors='replace')
        end = 'clean' if done.returncode == 0 else 'error'
        return [report(done.stdout, end=end, error=log + done.stderr.decode(errors='replace'))]


class NSS(Ours):
    """tstclnt, with a database for the authority and one for the client's key."""

    offers = False
    declines = ('purpose',)

    def database(self, ca, p12):
        folder = self.folder / f'nss-{os.getpid()}'
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        build(['certutil', '-N', '-d', f'sql:{folder}', '--empty-password'])
        build(['certutil', '-A', '-d', f'sql:{folder}', '-t', 'C,,', '-n', 'ca', '-i', ca])
        if p12:
            build(['pk12util', '-i', p12, '-d', f'sql:{folder}', '-W', 'password', '-K', ''])
        return folder

    def talk(self, host, port, name, ca, version, request, times=1, **more):
        folder = self.database(ca, more.get('p12'))
        asked = folder / 'request'
        asked.write_text(f'{request}\n')
        command = ['tstclnt', '-h', host, '-p', port, '-a', name, '-d', f'sql:{folder}',
                   '-V', f'tls{version}:tls{version}', '-A', asked, '-u', '-v', '-v',
                   *(['-L', times] if times > 1 else [])]
        if 'p12' in more:
            command += ['-n', pathlib.Path(more['p12']).stem]
        done = run(command)
        errors = done.stderr.decode(errors='replace')
        end = 'clean' if done.returncode == 0 else 'error'
        shutil.rmtree(folder)
        half = len(done.stdout) // times
        return [report(done.stdout[i * half:(i + 1) * half], end=end, error=errors)
                for i in range(times)]


ALL = OpenSSL, Curl, GnuTLS, NSS, Go, Java, Python, Rustls
