# SPDX-License-Identifier: ISC
"""A Debian with a real systemd, in a container with nothing but a loopback of its own.

A tree is made once, by debootstrap, and kept. A container writes to an overlay
in memory above it, so each begins with an untouched system. Programs run
in it through nsenter; sockets of this very process can be put into its network,
so clients and backends stay here, where a check can see what happens to them.
"""

import contextlib
import ctypes
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import harness

FOLDER = harness.SOURCE / 'build-system'
# What is to be tried there comes on top of that.
INCLUDED = {'systemd', 'systemd-sysv', 'dbus', 'iproute2', 'logrotate'}
# Of programs in there.
ENVIRONMENT = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL': 'C.UTF-8',
               'DEBIAN_FRONTEND': 'noninteractive'}
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
NUMBERS = itertools.count(1)


class Cannot(Exception):
    """This machine cannot do that, which says nothing about adieu."""


def say(*command, **options):
    """What a command has to say, on stdout."""
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, **options)
    if done.returncode != 0:
        raise RuntimeError(f'{command}: status {done.returncode}\n{done.stdout}{done.stderr}')
    return done.stdout


def find_origin():
    """Which Debian this is, and where it came from."""
    release = dict(re.findall('^([A-Z_]+)="?([^"\n]*)', pathlib.Path('/etc/os-release').read_text(),
                              re.MULTILINE))
    if release.get('ID') != 'debian':
        raise Cannot('this is no Debian, which the package is for')
    name = release['VERSION_CODENAME']
    sources = say('apt-get', 'indextargets', '--format', '$(CODENAME) $(COMPONENT) $(SITE)',
                  'Created-By: Packages')
    found = re.search(f'^{name} main (http.*)', sources, re.MULTILINE)
    return name, found[1] if found else 'http://deb.debian.org/debian'


def depends(package):
    """The names of packages that this one wants."""
    said = say('dpkg-deb', '-f', package, 'Depends', 'Pre-Depends')
    return set(re.findall(r'(?:^(?:Pre-)?Depends:|,) *([a-z0-9][a-z0-9.+-]*)', said, re.MULTILINE))


def make_tree(kind, release, wanted):
    """Installs a small Debian, with these packages, unless it is there. Returns where it is."""
    mirror = find_origin()[1]
    tree = FOLDER / kind
    stamp = FOLDER / f'{kind}.json'
    wanted = sorted(INCLUDED | wanted)
    recipe = json.dumps([release, wanted])
    if stamp.exists() and stamp.read_text() == recipe:
        return tree
    FOLDER.mkdir(exist_ok=True)
    stamp.unlink(missing_ok=True)
    shutil.rmtree(tree, ignore_errors=True)
    log = FOLDER / f'debootstrap-{kind}.log'
    with open(log, 'wb') as out:
        done = subprocess.run(['debootstrap', '--variant=minbase', '--include=' + ','.join(wanted),
                               release, tree, mirror], stdin=subprocess.DEVNULL, stdout=out,
                              stderr=out, check=False)
    if done.returncode != 0:
        raise Cannot(f'debootstrap of {release} failed; {log} says why')
    say('chroot', tree, 'apt-get', 'clean')
    stamp.write_text(recipe)
    return tree


class Group:
    """A control group, where no systemd is here to make one; two containers want two."""

    def __init__(self, name):
        self.paths = []
        for root in '/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/systemd':
            path = pathlib.Path(root, name)
            if os.path.exists(f'{root}/cgroup.procs'):
                self.paths.append(path)
        if not self.paths:
            raise Cannot('there are no control groups here')

    def enter(self):
        try:
            self.paths[0].mkdir(exist_ok=True)
            (self.paths[0] / 'cgroup.procs').write_text(str(os.getpid()))
        except OSError as error:
            raise Cannot(f'{self.paths[0]}: {error}') from error

    def remove(self):
        for path in self.paths:
            for folder, _, _ in os.walk(path, topdown=False):
                os.rmdir(folder)


class Container:

    def __init__(self, tree, *options):
        """Boots a tree, as it was made; options are systemd-nspawn's."""
        name = f'adieu-{os.getpid()}-{next(NUMBERS)}'
        command = ['systemd-nspawn', '--quiet', f'--directory={tree}', f'--machine={name}',
                   '--boot', '--volatile=overlay', '--private-network', '--register=no',
                   '--console=pipe', *options]
        self.group = None
        if not os.path.isdir('/run/systemd/system'):
            self.group = Group(name)
            command.append('--keep-unit')
        self.leader = None
        self.log = FOLDER / 'container.log'
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env=os.environ | {'SYSTEMD_NSPAWN_UNIFIED_HIERARCHY': '1'},
                preexec_fn=self.group and self.group.enter)
        try:
            harness.wait_until(self.is_up, 'a container to boot')
        except BaseException:
            self.stop()
            raise

    def is_up(self):
        if self.process.poll() is not None:
            raise Cannot('systemd-nspawn: '
                         + self.log.read_text(errors='replace').strip().rpartition('\n')[2])
        self.leader = self.find_leader()
        # Before it is up, a namespace may be missing as well as systemd.
        return self.leader is not None and \
            self.ask('systemctl', 'is-system-running') in ('running', 'degraded')

    def find_leader(self):
        """Its first process. (Another one helps to prepare it.)"""
        children = pathlib.Path(f'/proc/{self.process.pid}/task/{self.process.pid}/children')
        return max(map(int, children.read_text().split()), default=None)

    def stop(self):
        """Its first process takes all others along."""
        if self.process.poll() is None:
            os.kill(self.find_leader() or self.process.pid, signal.SIGKILL)
            self.process.wait(harness.PATIENCE)
        if self.group is not None:
            self.group.remove()

    def within(self, command):
        return ['nsenter', f'--target={self.leader}', '--all', '--', *command]

    def begin(self, *command):
        """Starts it in there."""
        return subprocess.Popen(self.within(command), env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def enter(self, command, **options):
        return subprocess.run(self.within(command),
                              capture_output=True, text=True, check=False, env=ENVIRONMENT,
                              **{'input': '', 'timeout': 4 * harness.PATIENCE} | options)

    def run(self, *command, **options):
        """Runs it in there; it has to succeed. Returns what it wrote to stdout."""
        done = self.enter(command, **options)
        if done.returncode != 0:
            raise AssertionError(f'{command}: status {done.returncode}\n'
                                 f'{done.stdout}{done.stderr}')
        return done.stdout.strip()

    def ask(self, *command):
        """The same for a question to which "no" is an answer."""
        return self.enter(command).stdout.strip()

    def path(self, inside):
        """A file in there, as it is seen from here. (Links with absolute targets lead astray.)"""
        return pathlib.Path(f'/proc/{self.leader}/root{inside}')

    def copy(self, source, inside):
        shutil.copyfile(source, self.path(inside))

    @contextlib.contextmanager
    def network(self):
        """Sockets that this thread makes meanwhile are in there."""
        with open('/proc/thread-self/ns/net', 'rb') as ours, \
                open(f'/proc/{self.leader}/ns/net', 'rb') as theirs:
            self.join_network(theirs)
            try:
                yield
            finally:
                self.join_network(ours)

    @staticmethod
    def join_network(namespace):
        if LIBC.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), 'setns')
