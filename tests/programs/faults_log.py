#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The log is dead, stuck, or its disk is full.

Relays feel nothing of it. What could not be written is counted, and the log
says how much that was as soon as it takes something again.
"""

import contextlib
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import time

import fault
import harness
from peers import PATIENCE

LOGGERS = 'syslog', 'journal'
# A long name makes long lines, and a full queue of few: this is more than it holds,
# and what a logger has not read beside it.
NAME = 'long' * 300
MANY = 2000


class Quiet(harness.Daemon):
    """Its log goes elsewhere."""

    end = fault.Starting.end

    def await_ready(self):
        pass


class Logger:
    """The system's, with all that it was told."""

    def __init__(self, path):
        self.path = path
        self.socket = None
        self.lines = []
        self.bind()

    def bind(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(PATIENCE)

    def close(self):
        self.socket.close()

    def die(self):
        self.close()
        os.unlink(self.path)

    def read_until(self, word):
        """The first line with it; all that came before is kept."""
        while True:
            self.lines.append(self.socket.recv(65536).decode().split('\n')[0])
            if word in self.lines[-1]:
                return self.lines[-1]


def count(lines, what):
    return sum(what in line for line in lines)


def count_dropped(lines):
    return sum(int(n) for line in lines
               for n in re.findall(r'event=log-dropped count=(\d+)', line))


class Visitors(fault.Checks):
    """Each of them leaves one line in the log: nobody listens where adieu would connect to."""

    def start_logging(self, log, **environment):
        address = self.listen('plain')
        self.door.close()
        config = (f'[global]\nworkers = 1\nlog = {log}\ncore-dumps = yes\n'
                  + self.plain_listener(NAME, address))
        self.listening = harness.free_address()
        config = config.replace('127.0.0.1:0', '%s:%d' % self.listening)
        with contextlib.ExitStack() as stack:
            if environment:
                control = pathlib.Path(self.path('control'))
                fault.Control.open(self.folder)
                stack.enter_context(fault.loaded(control, **environment))
            self.adieu = Quiet(config, self.folder)
        self.addCleanup(self.adieu.process.kill)
        self.visits = 0

    def come_and_go(self, n):
        """Nobody waits for the log: it takes no longer than without one."""
        slowest = 0
        for _ in range(n):
            begin = time.monotonic()
            with self.assertRaises(ConnectionResetError):
                with socket.create_connection(self.listening, PATIENCE) as client:
                    client.recv(1)
            slowest = max(slowest, time.monotonic() - begin)
            self.visits += 1
        self.assertLess(slowest, 5)

    def expect_failed_told(self, *wanted):
        """On stderr, while it lasts."""
        failed = self.adieu.wait('log-failed', level='error')[0]
        if wanted:
            self.assertEqual((failed['log'], failed['reason']), wanted)

    def expect_end(self):
        status = self.adieu.end()
        self.assertEqual(status, 0)


class Loggers(Visitors):

    def begin(self, kind):
        self.logger = Logger(self.path('logger'))
        self.addCleanup(self.logger.close)
        self.start_logging(kind, FAULT_LOGGER=self.logger.path)
        self.logger.read_until('event=ready')

    def await_dropped(self):
        """adieu looks for a logger that is gone once a second, when it has something to say."""
        deadline = time.monotonic() + PATIENCE
        self.logger.socket.settimeout(0.1)
        while not count_dropped(self.logger.lines):
            self.assertLess(time.monotonic(), deadline)
            self.come_and_go(1)
            with contextlib.suppress(TimeoutError):
                self.logger.read_until('event=log-dropped')
        self.logger.socket.settimeout(PATIENCE)

    def expect_all_accounted_for(self):
        """Lines of visitors that came, and those that are said to be missing."""
        self.come_and_go(1)
        while count(self.logger.lines, 'event=relay') + count_dropped(self.logger.lines) \
                < self.visits:
            self.logger.read_until('')
        self.assertEqual(count(self.logger.lines, 'event=relay')
                         + count_dropped(self.logger.lines), self.visits)

    def test_a_logger_that_is_gone_is_not_missed_until_it_is_back(self):
        for kind in LOGGERS:
            with self.subTest(kind=kind):
                self.begin(kind)
                self.come_and_go(1)
                self.logger.read_until('event=relay')
                self.logger.die()
                self.come_and_go(200)
                self.expect_failed_told()
                self.logger.bind()
                self.await_dropped()
                self.expect_all_accounted_for()
                self.expect_end()
                self.logger.close()

    def test_a_logger_that_is_stuck_stops_nobody(self):
        for kind in LOGGERS:
            with self.subTest(kind=kind):
                self.begin(kind)
                self.come_and_go(MANY)
                self.expect_all_accounted_for()
                self.assertGreater(count_dropped(self.logger.lines), 0)
                self.expect_end()
                self.logger.close()

    def test_a_logger_that_dies_while_it_is_stuck_lets_go(self):
        self.begin('syslog')
        self.come_and_go(MANY)
        self.logger.die()
        self.logger.bind()
        self.await_dropped()
        self.come_and_go(1)
        self.logger.read_until('event=relay')
        self.expect_end()

    def test_a_logger_that_is_stuck_keeps_nobody_from_a_reload_or_the_end(self):
        self.begin('syslog')
        self.come_and_go(MANY)
        backend = harness.EchoBackend()
        self.addCleanup(backend.stop)
        config = pathlib.Path(self.path('adieu.conf'))
        config.write_text(re.sub('backend = .*', f'backend = {backend.address}',
                                 config.read_text()))
        self.adieu.process.send_signal(signal.SIGHUP)

        def is_echoed():
            try:
                with socket.create_connection(self.listening, PATIENCE) as client:
                    client.sendall(b'hello')
                    return client.recv(5) == b'hello'
            except ConnectionError:
                return False

        harness.wait_until(is_echoed, 'the reload')
        self.expect_end()


class Disk(Visitors):

    def lines(self, where):
        with open(where, encoding='utf-8', errors='replace') as log:
            return log.read().splitlines()

    def await_line(self, where, what):
        harness.wait_until(lambda: os.path.exists(where) and count(self.lines(where), what), what)

    def expect_accounted_for(self, before, where):
        """before: lines that were there when room was made for the rest."""
        self.come_and_go(1)

        def is_told():
            return count_dropped(self.lines(where)) > 0

        harness.wait_until(is_told, 'what is missing')
        self.come_and_go(1)
        harness.wait_until(lambda: 'event=relay' in self.lines(where)[-1], 'the last line')

        def known():
            lines = [*before, *self.lines(where)]
            # One that was cut in two was lost and is among those.
            whole = re.compile(r'time=.* event=relay .*duration=[0-9.]+$')
            return sum(bool(whole.match(line)) for line in lines) + count_dropped(lines)

        harness.wait_until(lambda: known() == self.visits, f'{self.visits} lines, {known()} known')

    def can_mount(self):
        return subprocess.run(['unshare', '--mount', 'true'], capture_output=True,
                              check=False).returncode == 0

    def test_a_full_disk_stops_nobody_and_is_made_use_of_when_there_is_room(self):
        if shutil.which('unshare') is None or not self.can_mount():
            self.skipTest('only root may mount a small disk')
        disk = self.path('disk')
        os.mkdir(disk)
        original = harness.ADIEU
        wrapper = self.path('adieu-with-a-disk')
        pathlib.Path(wrapper).write_text(
            f'#!/bin/sh\nexec unshare --mount sh -c \'mount -t tmpfs -o size=64k none {disk} && '
            f'exec {original} "$@"\' sh "$@"\n')
        os.chmod(wrapper, 0o755)
        harness.ADIEU = wrapper
        try:
            self.start_logging(f'file:{disk}/log')
        finally:
            harness.ADIEU = original
        log = f'/proc/{self.adieu.process.pid}/root{disk}/log'
        self.await_line(log, 'event=ready')
        self.come_and_go(200)
        self.assertEqual(os.path.getsize(log), 65536)
        self.expect_failed_told(f'{disk}/log', 'No space left on device')
        before = self.lines(log)
        # As logrotate's copytruncate does.
        os.truncate(log, 0)
        self.expect_accounted_for(before, log)
        self.expect_end()
        self.assertEqual(len(self.adieu.found('log-failed', {})), 1)

    def test_a_file_that_may_not_grow_stops_nobody(self):
        log = self.path('log')
        self.start_logging(f'file:{log}')
        self.await_line(log, 'event=ready')
        pid = self.adieu.process.pid
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (20000, resource.RLIM_INFINITY))
        self.come_and_go(100)
        self.assertEqual(os.path.getsize(log), 20000)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        self.expect_accounted_for([], log)
        self.expect_end()


if __name__ == '__main__':
    harness.main()
