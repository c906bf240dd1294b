#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A new program that is late, killed or told no; and what it is told: the keys of tickets."""

import errno
import os
import pathlib
import random
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading

import harness
import upgrade

RACES = 30


class Late(upgrade.Checks):
    """A new program that takes its time: it waits for its configuration, which comes by a pipe."""

    def start_with_pipe(self, timeout):
        self.config = harness.inspectable(f'[global]\nupgrade-timeout = {timeout}\n'
                                          + self.listener('a', self.backend.address))
        self.adieu = self.start(self.config)
        self.block()

    def block(self):
        os.unlink(self.path('adieu.conf'))
        os.mkfifo(self.path('adieu.conf'))

    def unblock(self):
        """For all that come."""
        os.unlink(self.path('adieu.conf'))
        pathlib.Path(self.path('adieu.conf')).write_text(self.config)

    def open_pipe(self):
        """To the one that waits for its configuration. None: nobody does."""
        try:
            fd = os.open(self.path('adieu.conf'), os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            self.assertEqual(error.errno, errno.ENXIO)
            return None
        return open(fd, 'w', encoding='utf-8')

    def feed(self):
        """The configuration to that one. False: nobody waits for it, or not any more."""
        pipe = self.open_pipe()
        if pipe is None:
            return False
        try:
            with pipe:
                pipe.write(self.config)
        except BrokenPipeError:
            return False        # it was killed
        return True

    def ask(self, count=1):
        """The process that was begun."""
        self.adieu.process.send_signal(signal.SIGUSR2)
        return int(self.adieu.wait('upgrade', count=count, result='begun')[-1]['pid'])

    def expect_end(self, pid):
        def is_gone():
            try:
                return pathlib.Path(f'/proc/{pid}/stat').read_text().split(') ')[1][0] == 'Z'
            except FileNotFoundError:
                return True

        harness.wait_until(is_gone, 'its end')

    def test_one_that_does_not_get_ready_is_killed_and_another_one_may_come(self):
        self.start_with_pipe('200ms')
        heir = self.ask()
        [said] = self.adieu.wait('upgrade', result='failed')
        self.assertEqual(said['reason'], 'the new process was not ready in time, and is killed')
        self.assertEqual(int(said['pid']), heir)
        self.expect_end(heir)
        self.expect_echo(self.connect())
        self.config = self.config.replace('200ms', 'off')
        self.unblock()
        self.adieu.process.send_signal(signal.SIGHUP)
        self.adieu.wait('reload', result='done')
        self.upgrade()
        self.expect_echo(self.connect())

    def test_a_second_one_is_refused_meanwhile(self):
        self.start_with_pipe('off')
        heir = self.ask()
        self.adieu.process.send_signal(signal.SIGUSR2)
        self.adieu.wait('upgrade', result='refused', reason='an upgrade is under way')
        client = self.connect()
        self.expect_echo(client)
        client.unwrap().close()
        harness.wait_until(self.feed, 'it to read')
        self.heirs.append(int(self.adieu.wait('upgrade', result='done')[0]['pid']))
        self.assertEqual(self.heirs, [heir])
        self.assertEqual(self.adieu.process.wait(harness.PATIENCE), 0)

    def test_one_that_is_killed_changes_nothing(self):
        self.start_with_pipe('off')
        os.kill(self.ask(), signal.SIGKILL)
        self.adieu.wait('upgrade', result='failed',
                        reason=upgrade.WITHOUT_A_WORD)
        self.expect_echo(self.connect())
        self.unblock()
        self.upgrade()

    def test_one_that_is_told_to_end_before_it_serves_leaves_all_as_it_was(self):
        self.start_with_pipe('off')
        heir = self.ask()
        # It will not be told that it may.
        self.adieu.process.send_signal(signal.SIGSTOP)
        harness.wait_until(self.feed, 'it to read')
        harness.wait_until(lambda: self.has_workers(heir), 'it to ask')
        os.kill(heir, signal.SIGTERM)
        self.adieu.process.send_signal(signal.SIGCONT)
        [said] = self.adieu.wait('upgrade', result='failed')
        self.assertIn('was told to end before it served', said['reason'])
        self.expect_end(heir)
        self.expect_echo(self.connect())
        self.unblock()
        self.upgrade()

    @staticmethod
    def has_workers(pid):
        """They are started just before it asks whether it may serve."""
        return len(list(pathlib.Path(f'/proc/{pid}/task').iterdir())) > 2

    def test_a_reload_meanwhile_is_the_new_ones(self):
        self.start_with_pipe('off')
        self.heirs.append(self.ask())
        self.adieu.process.send_signal(signal.SIGHUP)
        self.adieu.wait('reload', result='postponed', reason='an upgrade is under way')
        pipes = []
        harness.wait_until(lambda: pipes.append(self.open_pipe()) or pipes[-1], 'it to read')
        with pipes[-1] as pipe:
            pipe.write(self.config)
            self.config += self.plain_listener('b', self.backend.address)
            self.unblock()
        self.adieu.wait('reload', result='done')
        with socket.create_connection(self.adieu.address('b'), harness.PATIENCE) as client:
            self.expect_echo(client)
        self.assertEqual(self.adieu.process.wait(harness.PATIENCE), 0)

    def test_a_reload_meanwhile_is_the_old_ones_if_the_new_one_fails(self):
        self.start_with_pipe('off')
        heir = self.ask()
        self.adieu.process.send_signal(signal.SIGHUP)
        self.adieu.wait('reload', result='postponed')
        self.config += self.plain_listener('b', self.backend.address)
        self.unblock()
        os.kill(heir, signal.SIGKILL)
        self.adieu.wait('upgrade', result='failed')
        self.adieu.wait('reload', result='done')
        with socket.create_connection(self.adieu.address('b'), harness.PATIENCE) as client:
            self.expect_echo(client)

    def test_the_service_manager_hears_how_it_went(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(self.path('notify'))
            manager.settimeout(harness.PATIENCE)
            os.environ['NOTIFY_SOCKET'] = self.path('notify')
            try:
                self.start_with_pipe('200ms')
            finally:
                del os.environ['NOTIFY_SOCKET']
            self.assertTrue(manager.recv(4096).startswith(b'READY=1'))
            heir = self.ask()
            self.assertEqual(manager.recv(4096), b'STATUS=Upgrading: process %d gets ready' % heir)
            self.assertEqual(manager.recv(4096),
                             b'READY=1\nSTATUS=Serving 1 listener; upgrade failed: the new process '
                             b'was not ready in time, and is killed')

    def test_one_that_cannot_be_killed_is_told_no_and_never_serves(self):
        """As behind a shell that starts it as a child, which outlives the shell; no sandbox lets it."""
        self.config = harness.inspectable('[global]\nupgrade-timeout = 300ms\nsandbox = no\n'
                                          + self.listener('a', self.backend.address))
        program = self.start_copy(self.config)
        self.block()
        os.unlink(program)
        pathlib.Path(program).write_text(
            f'#!/bin/sh\n({harness.ADIEU} "$@" 2>{self.path("said")}\necho $? >{self.path("new")}\n'
            f'mv {self.path("new")} {self.path("status")}) &\nwait\n')
        os.chmod(program, 0o755)
        self.expect_end(self.ask())
        self.adieu.wait('upgrade', result='failed')
        harness.wait_until(self.feed, 'it to read')
        status = pathlib.Path(self.path('status'))
        harness.wait_until(status.exists, 'its end')
        self.assertEqual(status.read_text(), '1\n')
        said = pathlib.Path(self.path('said')).read_text()
        self.assertIn('was not ready in time to take over; the process before this one goes on',
                      said)
        self.assertNotIn('event=ready', said)
        self.expect_echo(self.connect())

    def test_it_serves_if_the_old_one_is_gone(self):
        self.start_with_pipe('off')
        heir = self.ask()
        self.heirs.append(heir)
        # It has nobody to wait for, and so ends at once.
        self.adieu.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.adieu.process.wait(harness.PATIENCE), 0)
        self.assertEqual(len(self.adieu.found('ready', {})), 1)
        harness.wait_until(self.feed, 'it to read')
        self.adieu.wait('ready', count=2)
        self.expect_echo(self.connect())

    def test_it_serves_at_a_path_though_the_old_one_is_gone(self):
        path = self.path('socket')
        self.config = harness.inspectable(
            '[global]\nupgrade-timeout = off\n' + self.plain_listener('a', self.backend.address)
            .replace('bind = 127.0.0.1:0', f'bind = unix:{path}'))
        self.adieu = self.start(self.config)
        self.block()
        self.heirs.append(self.ask())
        self.adieu.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.adieu.process.wait(harness.PATIENCE), 0)
        harness.wait_until(self.feed, 'it to read')
        self.adieu.wait('ready', count=2)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            self.expect_echo(client)
        os.kill(self.heirs[0], signal.SIGTERM)
        harness.wait_until(lambda: not os.path.exists(path), 'the socket to be removed')

    def test_one_that_may_have_clients_is_not_killed_however_late_it_is(self):
        """It would be the kernel that ends their streams, as if that were their end."""
        self.config = harness.inspectable('[global]\nupgrade-timeout = 1s\nsandbox = no\n'
                                          + self.listener('a', self.backend.address))
        program = self.start_copy(self.config)
        os.unlink(program)
        pathlib.Path(program).write_text(
            f'#!{sys.executable} -IS\nimport os, socket, struct\n'
            'old = socket.socket(fileno=int(os.environ["ADIEU_UPGRADE_FD"]))\n'
            f'old.send(struct.pack("ii", {Answers.ASKS}, 0))\n'
            'assert old.recv(4096)[0] == 1\n'      # yes
            'old.recv(4096)\n')
        os.chmod(program, 0o755)
        heir = self.ask()
        said = self.adieu.wait('upgrade', result='late', level='warning', count=2)
        self.assertEqual({int(event['pid']) for event in said}, {heir})
        self.expect_echo(self.connect())
        os.kill(heir, signal.SIGKILL)
        self.adieu.wait('upgrade', result='failed',
                        reason=upgrade.WITHOUT_A_WORD)
        self.expect_echo(self.connect())

    def test_one_serves_whoever_is_first_and_nobody_is_refused_or_cut(self):
        """Its readiness and the end of its time come at once, again and again."""
        self.start_with_pipe('100ms')
        self.begin_load()
        begun, lost = 0, 0
        for n in range(RACES):
            os.kill(self.heirs[-1] if self.heirs else self.adieu.process.pid, signal.SIGUSR2)
            self.adieu.wait('upgrade', count=n + 1, result='begun')
            fed = threading.Timer(random.uniform(0.05, 0.1), self.feed)
            fed.start()

            def outcomes():
                return (self.adieu.found('upgrade', {'result': 'done'}),
                        self.adieu.found('upgrade', {'result': 'failed'}))

            harness.wait_until(lambda: sum(map(len, outcomes())) > n, 'an outcome')
            fed.join()
            done, failed = outcomes()
            if len(done) > len(self.heirs):
                self.heirs.append(int(done[-1]['pid']))
            else:
                self.expect_end(int(failed[-1]['pid']))
        self.end_load()
        done, failed = outcomes()
        self.assertEqual(len(done) + len(failed), RACES)
        self.assertEqual(len(self.adieu.found('ready', {})), 1 + len(done))


class Answers(harness.Checks):
    """The new program, started by us as the old one would do it."""

    ASKS, READY = 0, 1
    ANSWER = struct.Struct('=IIQ480s')      # yes, bytes of secrets, when to change them; they

    def setUp(self):
        super().setUp()
        self.backend = harness.EchoBackend()
        self.addCleanup(self.backend.stop)
        config = pathlib.Path(self.path('adieu.conf'))
        config.write_text(self.plain_listener('a', self.backend.address))
        self.old, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(self.old.close)
        self.old.settimeout(harness.PATIENCE)
        with its:
            self.process = subprocess.Popen(
                [harness.ADIEU, '-c', str(config)], stderr=subprocess.PIPE, text=True,
                env=os.environ | {'ADIEU_UPGRADE_FD': str(its.fileno())}, pass_fds=[its.fileno()])
        self.addCleanup(self.end)
        # It says this first: nobody has been accepted, and nothing is told to be ready.
        self.assertEqual(self.hear(), self.ASKS)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def hear(self):
        return struct.unpack('ii', self.old.recv(4096))[0]

    def answer(self, yes, length=0):
        self.old.send(self.ANSWER.pack(yes, length, 0, b'x' * length))

    def expect_service(self):
        address = None
        while 'event=ready' not in (line := self.process.stderr.readline()):
            self.assertTrue(line)
            if 'event=listen' in line:
                address = harness.split_address(line.split('address=')[1].split()[0])
        with socket.create_connection(address, harness.PATIENCE) as client:
            client.sendall(b'hello')
            self.assertEqual(client.recv(5, socket.MSG_WAITALL), b'hello')

    def test_told_no_it_ends_and_has_never_served(self):
        self.answer(0)
        self.assertEqual(self.process.wait(harness.PATIENCE), 1)
        said = self.process.stderr.read()
        self.assertIn('was not ready in time to take over', said)
        self.assertNotIn('event=ready', said)

    def test_told_yes_it_serves_and_says_so(self):
        self.answer(1, 80)
        self.assertEqual(self.hear(), self.READY)
        self.expect_service()

    def test_told_nothing_it_understands_it_serves_with_keys_of_its_own(self):
        self.answer(1, 81)
        self.assertEqual(self.hear(), self.READY)
        self.expect_service()

    def test_if_nobody_answers_any_more_it_serves(self):
        self.old.close()
        self.expect_service()


class Tickets(upgrade.Checks):
    """Clients resume their sessions with the new program."""

    def visit(self, version, session=None):
        """Returns whether it was resumed, and the session of now."""
        context = self.contexts[version]
        plain = socket.create_connection(self.adieu.address('a'), harness.PATIENCE)
        with context.wrap_socket(plain, server_hostname='localhost', session=session) as client:
            self.expect_echo(client)        # in TLS 1.3 the ticket comes with it
            resumed, session = client.session_reused, client.session
            client.unwrap()
        return resumed, session

    def test_sessions_of_before_are_resumed_after_one_upgrade_and_after_another(self):
        self.contexts = {}
        for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
            self.contexts[version] = ssl.create_default_context(cafile=self.cert)
            self.contexts[version].minimum_version = version
            self.contexts[version].maximum_version = version
        self.adieu = self.start(self.listener('a', self.backend.address))
        begun = {version: self.visit(version)[1] for version in self.contexts}
        processes = [self.adieu.process.pid]
        for _ in range(2):
            processes.append(self.upgrade())
            harness.wait_until(lambda: len(self.adieu.found('stop', {})) == len(processes) - 1,
                               'the end of the one before')
            for version, session in begun.items():
                with self.subTest(version=version, processes=len(processes)):
                    self.assertTrue(self.visit(version, session)[0])
        relays = self.adieu.wait('relay', count=6)
        self.assertEqual(sum(relay.get('resumed') == 'yes' for relay in relays), 4)


if __name__ == '__main__':
    harness.main()
