# SPDX-License-Identifier: ISC
"""The machine under the benchmark: its cores, limits, network and packages."""

import contextlib
import ctypes
import fcntl
import os
import platform
import resource
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

PACKAGES = {                 # what has to be there: the package that brings it
    'haproxy': 'haproxy',
    'nginx': 'nginx',
    '/usr/lib/nginx/modules/ngx_stream_module.so': 'libnginx-mod-stream',
    'hitch': 'hitch',
    'stunnel4': 'stunnel4',
    'openssl': 'openssl',
}
TICKS = os.sysconf('SC_CLK_TCK')
POLICY = Path('/usr/sbin/policy-rc.d')


def warn(text):
    print(f'bench: {text}', file=sys.stderr)


def search_sbin():
    os.environ['PATH'] += ':/usr/sbin:/sbin'


def have(what):
    return Path(what).exists() if what.startswith('/') else shutil.which(what) is not None


@contextlib.contextmanager
def no_daemons():
    """Debian starts a server when it installs one; not now."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text('#!/bin/sh\nexit 101\n')
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def install_peers():
    """Best effort: a peer that cannot be had is left out later on."""
    missing = sorted(package for what, package in PACKAGES.items() if not have(what))
    if not missing:
        return
    if os.geteuid() != 0 or not have('apt-get'):
        warn(f'not installed, so left out: {" ".join(missing)}')
        return
    apt = ['apt-get', '-qq', '-o', 'DPkg::Lock::Timeout=300']
    environment = dict(os.environ, DEBIAN_FRONTEND='noninteractive')
    with no_daemons():
        for step in ['update'], ['install', '-y', '--no-install-recommends', *missing]:
            done = subprocess.run(apt + step, env=environment, capture_output=True, text=True)
            if done.returncode != 0:
                warn(f'apt-get {step[0]}: {done.stderr.strip()}')


# ---- cores and limits ----

def cores():
    """The proxy's, and that of load and backend."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        warn('one core only: the proxies share it with their load')
    return usable[-1], usable[0]


def core_time(core):
    """Nanoseconds that the core has not been idle, as sampled by the kernel's tick."""
    for line in Path('/proc/stat').read_text().splitlines():
        name, *ticks = line.split()
        if name == f'cpu{core}':
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, ticks[:8])
            return (user + nice + system + irq + softirq + steal) * 10**9 // TICKS
    raise LookupError(f'cpu{core}')


def raise_descriptors():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def most_relays(descriptors):
    """A relay takes two descriptors, and stunnel wants 256 for 125 of them."""
    return max(10, descriptors * 125 // 256 - 150)


def kernel_thread(name):
    for comm in Path('/proc').glob('[0-9]*/comm'):
        with contextlib.suppress(OSError):
            if comm.read_text().strip() == name:
                return int(comm.parent.name)
    return None


def realtime(pid, on):
    """Ahead of everything else on its core, so that it adds no delay of its own."""
    policy, priority = (os.SCHED_FIFO, 1) if on else (os.SCHED_OTHER, 0)
    try:
        os.sched_setscheduler(pid, policy, os.sched_param(priority))
    except PermissionError:
        return False
    return True


# ---- a network of our own ----

CONGESTION_CONTROL = 'cubic'                          # what a fresh Debian has
NETWORK = {
    'tcp_congestion_control': CONGESTION_CONTROL,
    'ip_local_port_range': '10000 65000',             # a churn uses up many, and
    'tcp_tw_reuse': '1',                              # leaves them in TIME_WAIT
}
IPV4 = Path('/proc/sys/net/ipv4')


@contextlib.contextmanager
def congestion_control_allowed():
    """A namespace may only choose what is allowed outside: allow it for as long as that takes."""
    with open(IPV4 / 'tcp_allowed_congestion_control', 'r+') as outside:
        allowed = outside.read()
        if CONGESTION_CONTROL in allowed.split():
            yield
            return
        outside.seek(0)
        outside.write(f'{allowed.strip()} {CONGESTION_CONTROL}')
        outside.flush()
        try:
            yield
        finally:
            outside.seek(0)
            outside.write(allowed)


def loopback_up():
    up, set_flags = 1, 0x8914
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, set_flags, struct.pack('16sh14x', b'lo', up))


def set_network():
    for name, value in NETWORK.items():
        try:
            (IPV4 / name).write_text(value)
        except OSError as error:
            warn(f'{name} = {value}: {error.strerror}')


def private_network():
    """Nothing but a loopback interface: no foreign traffic, no port in use, our own settings."""
    new_network = 0x40000000
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0:
        warn('not root: no network namespace, so what else uses the network shows')
        return
    with congestion_control_allowed():
        if libc.unshare(new_network) != 0:
            raise OSError(ctypes.get_errno(), 'no network namespace')
        loopback_up()
        set_network()


# ---- what it is ----

def version(program, option):
    """The first line that names the program, or None."""
    try:
        done = subprocess.run([program, option], capture_output=True, text=True, timeout=10)
    except OSError:
        return None
    name = Path(program).name.rstrip('0123456789').lower()
    lines = [line for line in (done.stdout + done.stderr).splitlines() if name in line.lower()]
    return lines[0] if lines else None


def processor():
    for line in Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            return line.split(':', 1)[1].strip()
    return platform.machine()


def distribution():
    with contextlib.suppress(OSError):
        return platform.freedesktop_os_release()['PRETTY_NAME']
    return 'unknown'


def describe():
    return {
        'processor': processor(),
        'cores': os.cpu_count(),
        'memory': f'{os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30:.1f} GiB',
        'kernel': f'{platform.system()} {platform.release()}',
        'distribution': distribution(),
        'openssl': version('openssl', 'version'),
        'congestion control':
            Path('/proc/sys/net/ipv4/tcp_congestion_control').read_text().strip(),
        'descriptors': resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    }
