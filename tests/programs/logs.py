#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Another log by a reload: no line is lost, none is written twice, all of it or nothing."""

import ctypes
import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import threading

import harness


def parse(line):
    """An event, in whichever format it is."""
    if line.startswith('{'):
        return json.loads(line)
    return dict(word.split('=', 1) for word in shlex.split(line))


def obey_modes():
    """Even if we are root; who is not has nothing to drop."""
    pr_capbset_drop, cap_dac_override = 24, 1
    ctypes.CDLL(None).prctl(pr_capbset_drop, cap_dac_override, 0, 0, 0)


class Logs(harness.Checks):

    def setUp(self):
        super().setUp()
        self.backend = harness.EchoBackend()
        self.addCleanup(self.backend.stop)
        self.n_visits = 0

    def config(self, log=None, log_format='logfmt', *more):
        target = f'log = file:{self.path(log)}\n' if log else ''
        return '\n'.join([f'[global]\n{target}log-format = {log_format}\n',
                          self.plain_listener('a', self.backend.address, *more)])

    def reload(self, config):
        pathlib.Path(self.path('adieu.conf')).write_text(harness.inspectable(config))
        self.adieu.process.send_signal(signal.SIGHUP)

    def events(self, log, name):
        path = pathlib.Path(self.path(log))
        if not path.exists():
            return []
        whole = path.read_text().rpartition('\n')[0].splitlines()
        return [event for event in map(parse, whole) if event['event'] == name]

    def await_events(self, log, name, n=1):
        harness.wait_until(lambda: len(self.events(log, name)) >= n, f'{n} {name} in {log}')
        return self.events(log, name)

    def visit(self):
        with socket.create_connection(self.address, harness.PATIENCE) as client:
            client.sendall(b'hello')
            self.assertEqual(client.recv(5, socket.MSG_WAITALL), b'hello')
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(client.recv(1), b'')
        self.n_visits += 1

    def begin(self):
        """With a log on stderr, as everybody begins."""
        self.adieu = self.start(self.config())
        self.address = self.adieu.address('a')

    def open_files(self):
        folder = f'/proc/{self.adieu.process.pid}/fd'
        return [os.readlink(f'{folder}/{fd}') for fd in os.listdir(folder)]

    def test_it_goes_on_in_another_file_and_in_another_format(self):
        self.begin()
        self.visit()
        self.adieu.wait('relay')
        self.reload(self.config('first', 'json'))
        self.adieu.wait('log-moved', to=f'file:{self.path("first")}')
        self.await_events('first', 'reload')
        self.visit()
        self.assertEqual(self.await_events('first', 'relay')[0]['client-end'], 'fin')
        self.reload(self.config('second'))
        [said] = self.await_events('first', 'log-moved')
        self.assertEqual(said['to'], f'file:{self.path("second")}')
        self.await_events('second', 'reload')
        harness.wait_until(lambda: self.path('first') not in self.open_files(), 'its end')
        self.visit()
        self.await_events('second', 'relay')
        self.assertEqual(len(self.events('first', 'relay')), 1)
        self.assertEqual(len(self.adieu.found('relay', {})), 1)

    def test_the_format_alone_may_change(self):
        self.begin()
        self.reload(self.config(None, 'json'))

        def has_json():
            return any(line.startswith('{') and parse(line)['event'] == 'reload'
                       for line in self.adieu.lines)

        harness.wait_until(has_json, 'a line in JSON')
        self.assertEqual(self.adieu.found('log-moved', {}), [])

    def test_one_that_cannot_be_opened_fails_the_reload_and_the_old_one_goes_on(self):
        self.begin()
        self.reload(self.config('missing/log', 'json', 'max-connections = 1'))
        [said] = self.adieu.wait('reload', result='failed')
        self.assertEqual(said['reason'],
                         f'{self.path("adieu.conf")}:3: [global] log: cannot open log '
                         f'{self.path("missing/log")}: No such file or directory')
        self.visit()
        self.adieu.wait('relay')
        with socket.create_connection(self.address), socket.create_connection(self.address) as one:
            one.sendall(b'h')           # nothing else has changed either
            self.assertEqual(one.recv(1), b'h')

    def test_check_finds_it_too_and_makes_no_file(self):
        os.mkdir(self.path('folder'), 0o500)
        pathlib.Path(self.path('kept')).touch(0o400)
        for log, why in (('missing/log', 'No such file or directory'), ('folder', 'Is a directory'),
                         ('new/', 'Is a directory'), ('folder/log', 'Permission denied'),
                         ('kept', 'Permission denied'), ('log', None)):
            config = pathlib.Path(self.path('checked.conf'))
            config.write_text(self.config(log))
            existed = os.path.exists(self.path(log))
            done = subprocess.run([harness.ADIEU, '--check', '-c', str(config)], text=True,
                                  capture_output=True, timeout=harness.PATIENCE, check=False,
                                  preexec_fn=obey_modes)
            self.assertEqual(done.returncode, 0 if why is None else 1, done.stderr)
            if why is not None:
                self.assertIn(f'[global] log: cannot open log {self.path(log)}: {why}', done.stderr)
            self.assertEqual(os.path.exists(self.path(log)), existed)

    def test_a_reload_that_fails_for_another_reason_does_not_move_it(self):
        self.begin()
        self.reload(self.config('other').replace('127.0.0.1:0', self.backend.address))
        self.adieu.wait('reload', result='failed')
        self.visit()
        self.adieu.wait('relay')
        self.assertEqual(self.events('other', 'relay'), [])
        self.assertNotIn(self.path('other'), self.open_files())

    def test_no_line_is_lost_or_doubled_when_it_moves_under_load(self):
        self.begin()
        over = threading.Event()
        trouble = []

        def come_and_go():
            while not over.is_set():
                try:
                    self.visit()
                except Exception as error:
                    trouble.append(repr(error))

        crowd = threading.Thread(target=come_and_go)
        crowd.start()
        names = []
        for n in range(20):
            names.append(f'log{n}')
            self.reload(self.config(names[-1], ('json', 'logfmt')[n % 2]))
            self.await_events(names[-1], 'reload')
            wanted = self.n_visits + 5
            harness.wait_until(lambda: self.n_visits >= wanted or trouble, 'visitors')
        over.set()
        crowd.join()
        self.assertEqual(trouble, [])

        def ids():
            return sorted([int(event['id']) for event in self.adieu.found('relay', {})] +
                          [int(event['id']) for name in names
                           for event in self.events(name, 'relay')])

        harness.wait_until(lambda: len(ids()) >= self.n_visits, 'all lines')
        self.assertEqual(ids(), list(range(1, self.n_visits + 1)))


if __name__ == '__main__':
    harness.main()
