# SPDX-License-Identifier: ISC
"""The proxies that are compared: each as it comes, with the little it must be told.

None is given an option about closing, shutting down or resetting. What has a
format for access logs logs in the one that its manual recommends.
"""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

import harness


class Proxy:
    """One program between a TLS port of its own and a plain backend."""

    name = None
    packages = ()
    program = None
    version_option = '-v'
    logs = ()           # files in the folder, besides what it writes to stdout and stderr

    def __init__(self, folder, cert, backend):
        self.folder = pathlib.Path(folder)
        self.cert = cert
        self.backend = f'127.0.0.1:{backend}'
        self.address = harness.free_address()
        self.config = self.folder / f'{self.name}.conf'
        self.config.write_text(self.configure('%s:%d' % self.address))
        self.server = harness.Server(self.command(), self.address, folder)

    @classmethod
    def executable(cls):
        return shutil.which(cls.program)

    @classmethod
    def version(cls):
        """"haproxy 2.6.12": the first number with dots in what it says of itself."""
        done = subprocess.run([cls.executable(), cls.version_option], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        return f'{cls.name} {re.search(r"[0-9]+[.][0-9.]*[0-9]", done.stdout).group()}'

    def configure(self, address):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def stop(self):
        """Ends it, and gives everything it ever logged."""
        self.server.stop()
        files = [pathlib.Path(self.server.log.name), *(self.folder / name for name in self.logs)]
        return ''.join(path.read_text(errors='replace') for path in files if path.exists())


class Adieu(Proxy):
    name = 'adieu'
    program = harness.ADIEU
    version_option = '--version'

    def configure(self, address):
        return (f'[listener:tls]\nbind = {address}\ncert = {self.cert}\n'
                f'backend = {self.backend}\n')

    def command(self):
        return [harness.ADIEU, '-c', str(self.config)]


class HAProxy(Proxy):
    name = 'haproxy'
    packages = ('haproxy',)
    program = 'haproxy'

    def configure(self, address):
        return f'''
global
    log stdout format raw local0
defaults
    mode tcp
    log global
    option tcplog
    timeout connect 5s
    timeout client 1h
    timeout server 1h
frontend tls
    bind {address} ssl crt {self.cert}
    default_backend plain
backend plain
    server only {self.backend}
'''

    def command(self):
        return ['haproxy', '-db', '-f', str(self.config)]


class Nginx(Proxy):
    name = 'nginx'
    packages = ('nginx-light', 'libnginx-mod-stream')
    program = 'nginx'
    logs = ('nginx.error', 'nginx.access')
    modules = '/usr/lib/nginx/modules/ngx_stream_module.so'

    @classmethod
    def executable(cls):
        return shutil.which(cls.program) if os.path.exists(cls.modules) else None

    def configure(self, address):
        user = 'user root;' if os.geteuid() == 0 else ''
        return f'''
load_module {self.modules};
{user}
daemon off;
master_process off;
pid {self.folder}/nginx.pid;
error_log {self.folder}/nginx.error;
events {{}}
stream {{
    log_format basic '$remote_addr [$time_local] $protocol $status $bytes_sent $bytes_received '
                     '$session_time';
    access_log {self.folder}/nginx.access basic;
    server {{
        listen {address} ssl;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_certificate {self.cert};
        ssl_certificate_key {self.cert};
        proxy_pass {self.backend};
    }}
}}
'''

    def command(self):
        return ['nginx', '-e', f'{self.folder}/nginx.error', '-c', str(self.config)]


class Stunnel(Proxy):
    name = 'stunnel'
    packages = ('stunnel4',)
    program = 'stunnel4'
    version_option = '-version'

    def configure(self, address):
        return f'''
foreground = yes
syslog = no
pid =
[tls]
accept = {address}
connect = {self.backend}
cert = {self.cert}
'''

    def command(self):
        return ['stunnel4', str(self.config)]


class Hitch(Proxy):
    name = 'hitch'
    packages = ('hitch',)
    program = 'hitch'
    version_option = '--version'

    def configure(self, address):
        host, port = harness.split_address(address)
        backend_host, backend_port = harness.split_address(self.backend)
        user = 'user = "nobody"' if os.geteuid() == 0 else ''
        return f'''
frontend = "[{host}]:{port}"
backend = "[{backend_host}]:{backend_port}"
pem-file = "{self.cert}"
workers = 1
daemon = off
{user}
'''

    def command(self):
        return ['hitch', f'--config={self.config}']


ALL = (Adieu, HAProxy, Nginx, Stunnel, Hitch)


@contextlib.contextmanager
def no_services():
    """Packages are installed for their programs; what they start stays off."""
    policy = pathlib.Path('/usr/sbin/policy-rc.d')
    if policy.exists():
        yield
        return
    policy.write_text('#!/bin/sh\nexit 101\n')
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


def install(proxies):
    """As root, on Debian and its kin."""
    missing = [proxy for proxy in proxies if proxy.packages and not proxy.executable()]
    if not missing:
        return
    apt = ['apt-get', '-qq', '-o', 'DPkg::Lock::Timeout=300']
    packages = [package for proxy in missing for package in proxy.packages]
    environment = os.environ | {'DEBIAN_FRONTEND': 'noninteractive'}
    with no_services():
        subprocess.run([*apt, 'update'], check=True, stdout=sys.stderr)
        subprocess.run([*apt, 'install', '-y', '--no-install-recommends', *packages],
                       env=environment, check=True, stdout=sys.stderr)
    for proxy in missing:
        # Neither now nor at the next boot. Where there is no systemd there is no boot.
        subprocess.run(['systemctl', 'disable', proxy.packages[0].removesuffix('-light')],
                       check=False, capture_output=True)
