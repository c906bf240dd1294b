#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""SIGUSR2: a new program takes over; and sockets that a service manager has opened."""

import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import harness

WITHOUT_A_WORD = ('the new process ended without a word; what it wrote to standard error may say '
                  'why')


class Checks(harness.Checks):
    """Upgrades, and whoever comes and goes meanwhile."""

    def setUp(self):
        super().setUp()
        self.backend = harness.EchoBackend()
        self.addCleanup(self.backend.stop)
        self.context = ssl.create_default_context(cafile=self.cert)
        self.heirs = []

    def start(self, *sections):
        daemon = super().start(*sections)
        self.addCleanup(self.end_heirs)     # before it waits for everybody's last words
        return daemon

    def end_heirs(self):
        for pid in self.heirs:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass

    def connect(self, listener='a'):
        plain = socket.create_connection(self.adieu.address(listener), harness.PATIENCE)
        client = self.context.wrap_socket(plain, server_hostname='localhost')
        self.addCleanup(client.close)
        return client

    def expect_echo(self, client, data=b'hello'):
        client.sendall(data)
        got = b''
        while len(got) < len(data):
            part = client.recv(65536)
            self.assertTrue(part)
            got += part
        self.assertEqual(got, data)

    def upgrade(self):
        """The new process's pid, which serves by now."""
        n = len(self.adieu.found('upgrade', {'result': 'done'})) + 1
        os.kill(self.heirs[-1] if self.heirs else self.adieu.process.pid, signal.SIGUSR2)
        self.heirs.append(int(self.adieu.wait('upgrade', count=n, result='done')[-1]['pid']))
        return self.heirs[-1]

    def start_copy(self, *sections):
        """From a file of our own, whose path is returned."""
        program = self.path('adieu')
        shutil.copy(harness.ADIEU, program)
        original, harness.ADIEU = harness.ADIEU, program
        try:
            self.adieu = self.start(*sections)
        finally:
            harness.ADIEU = original
        return program

    def begin_load(self, n_guests=4, n_transfers=2):
        """Guests, until end_load()."""
        self.over = threading.Event()
        self.trouble, self.n_done = [], n_transfers
        self.crowd = [threading.Thread(target=self.attempt, args=(what,)) for what in
                      [self.come_and_go] * n_guests + [self.transfer] * n_transfers]
        for one in self.crowd:
            one.start()

    def attempt(self, what):
        try:
            what()
        except Exception as error:
            self.trouble.append(repr(error))

    def come_and_go(self):
        while not self.over.is_set():
            client = self.connect()
            self.expect_echo(client)
            client.unwrap().close()
            self.n_done += 1

    def transfer(self):
        data = os.urandom(1 << 16)
        client = self.connect()
        while not self.over.is_set():
            self.expect_echo(client, data)
        client.unwrap().close()

    def end_load(self):
        """Nobody was refused or cut."""
        self.over.set()
        for one in self.crowd:
            one.join()
        self.assertEqual(self.trouble, [])
        self.assertGreater(self.n_done, 2)
        # Some may have been counted at once.
        for event in self.adieu.wait('relay', count=self.n_done):
            self.assertEqual((event['client-end'], event['backend-end']), ('close_notify', 'fin'))


class Upgrade(Checks):

    def test_a_new_process_takes_over_and_the_old_one_drains(self):
        self.adieu = self.start(self.listener('a', self.backend.address))
        before = self.connect()
        self.expect_echo(before)
        heir = self.upgrade()
        self.assertNotEqual(heir, self.adieu.process.pid)
        # This one may still have been the old process's.
        between = self.connect()
        for client in between, before:
            self.expect_echo(client)
            client.unwrap().close()
        self.assertEqual(self.adieu.process.wait(harness.PATIENCE), 0)
        after = self.connect()
        self.expect_echo(after)
        after.unwrap().close()
        self.adieu.wait('relay', count=3, **harness.CLEAN)
        os.kill(heir, signal.SIGTERM)
        self.adieu.wait('stop', count=2)

    def test_a_program_that_does_not_start_changes_nothing(self):
        config = self.listener('a', self.backend.address)
        self.adieu = self.start(config)
        path = self.path('adieu.conf')
        pathlib.Path(path).write_text(config + 'nonsense = 1\nmore = 2\n')
        self.adieu.process.send_signal(signal.SIGUSR2)
        [said] = self.adieu.wait('upgrade', result='failed')
        self.assertRegex(said['reason'], rf'^{path}:[0-9]+: \[listener:a\] nonsense: ')
        self.expect_echo(self.connect())
        pathlib.Path(path).write_text('[global]\nworkers = 7\n' + config)
        self.adieu.process.send_signal(signal.SIGUSR2)
        said = self.adieu.wait('upgrade', result='failed', count=2)[1]
        self.assertIn('7', said['reason'])
        self.expect_echo(self.connect())

    def test_the_old_ones_log_says_why_the_new_one_does_not_start(self):
        """The new one's own may be a file that it cannot open, and its stderr nobody's."""
        log = pathlib.Path(self.path('log'))
        config = (f'[global]\nlog = file:{log}\ncore-dumps = yes\n'
                  + self.plain_listener('a', self.backend.address))
        pathlib.Path(self.path('adieu.conf')).write_text(config)
        process = subprocess.Popen([harness.ADIEU, '-c', self.path('adieu.conf')],
                                   stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)

        def says(words):
            harness.wait_until(lambda: log.exists() and re.search(words, log.read_text()), words)

        says('event=ready')
        with socket.create_server(('127.0.0.1', 0)) as taken:
            address = '127.0.0.1:%d' % taken.getsockname()[1]
            pathlib.Path(self.path('adieu.conf')).write_text(
                config + self.plain_listener('b', self.backend.address).replace(
                    '127.0.0.1:0', address))
            process.send_signal(signal.SIGUSR2)
            says('event=upgrade result=failed reason=".*cannot listen on '
                 f'{address}: Address already in use" pid=')
        pathlib.Path(self.path('adieu.conf')).write_text(
            config.replace(f'file:{log}', 'file:/nowhere/log'))
        process.send_signal(signal.SIGUSR2)
        says('reason=".*cannot open log /nowhere/log: No such file or directory" pid=')

    def test_a_program_that_is_gone_changes_nothing(self):
        os.unlink(self.start_copy(self.listener('a', self.backend.address)))
        self.adieu.process.send_signal(signal.SIGUSR2)
        self.adieu.wait('upgrade', result='failed', reason='No such file or directory')
        self.expect_echo(self.connect())

    def test_the_first_request_to_end_cuts_nobody(self):
        self.adieu = self.start(self.listener('a', self.backend.address))
        client = self.connect()
        self.expect_echo(client)
        self.upgrade()
        self.adieu.wait('drain')
        self.adieu.process.send_signal(signal.SIGTERM)
        for _ in range(16):
            self.expect_echo(client)

        def ask_again():
            self.adieu.process.send_signal(signal.SIGTERM)
            return self.adieu.process.poll() is not None

        harness.wait_until(ask_again, 'its end')
        self.adieu.wait('relay', **{'client-end': 'killed'})

    def test_who_is_asked_to_end_during_an_upgrade_drains_once(self):
        self.adieu = self.start(self.listener('a', self.backend.address))
        client = self.connect()
        self.expect_echo(client)
        self.adieu.process.send_signal(signal.SIGUSR2)
        self.adieu.wait('upgrade', result='begun')
        self.adieu.process.send_signal(signal.SIGTERM)
        self.heirs.append(int(self.adieu.wait('upgrade', result='done')[-1]['pid']))
        self.expect_echo(client)
        client.unwrap().close()
        self.assertEqual(self.adieu.process.wait(harness.PATIENCE), 0)
        self.assertEqual(len(self.adieu.wait('drain', phase='begin')), 1)
        self.expect_echo(self.connect())

    def test_the_file_may_have_been_replaced(self):
        program = self.start_copy(self.listener('a', self.backend.address))
        shutil.copy(harness.ADIEU, self.path('new'))
        os.rename(self.path('new'), program)
        heir = self.upgrade()
        self.assertEqual(os.readlink(f'/proc/{heir}/exe'), program)
        self.expect_echo(self.connect())

    def test_a_unix_socket_stays_until_the_last_one_ends(self):
        path = self.path('socket')
        self.adieu = self.start(self.plain_listener('a', self.backend.address).replace(
            'bind = 127.0.0.1:0', f'bind = unix:{path}'))
        heir = self.upgrade()
        self.assertEqual(self.adieu.process.wait(harness.PATIENCE), 0)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            self.expect_echo(client)
        self.adieu.wait('relay')
        os.kill(heir, signal.SIGTERM)
        self.adieu.wait('stop', count=2)
        harness.wait_until(lambda: not os.path.exists(path), 'the socket to be removed')

    def start_at_path(self):
        self.adieu = self.start(self.plain_listener('a', self.backend.address).replace(
            'bind = 127.0.0.1:0', f'bind = unix:{self.path("socket")}'))

    def expect_echo_at_path(self):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.path('socket'))
            self.expect_echo(client)

    def test_a_unix_socket_stays_when_the_new_program_fails(self):
        self.start_at_path()
        config = pathlib.Path(self.path('adieu.conf'))
        good = config.read_text()
        with socket.create_server(('127.0.0.1', 0)) as taken:
            config.write_text(good + self.plain_listener('b', self.backend.address).replace(
                '127.0.0.1:0', '127.0.0.1:%d' % taken.getsockname()[1]))
            self.adieu.process.send_signal(signal.SIGUSR2)
            self.adieu.wait('upgrade', result='failed')
        self.expect_echo_at_path()
        config.write_text(good)
        self.upgrade()
        self.assertEqual(self.adieu.process.wait(harness.PATIENCE), 0)
        self.expect_echo_at_path()

    def test_the_service_manager_follows(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(self.path('notify'))
            manager.settimeout(harness.PATIENCE)
            os.environ['NOTIFY_SOCKET'] = self.path('notify')
            try:
                self.adieu = self.start(self.plain_listener('a', self.backend.address))
            finally:
                del os.environ['NOTIFY_SOCKET']
            self.assertTrue(manager.recv(4096).startswith(b'READY=1'))
            heir = self.upgrade()
            said = {manager.recv(4096).split(b'\n')[0] for _ in range(3)}
            self.assertEqual(said, {b'STATUS=Upgrading: process %d gets ready' % heir, b'READY=1',
                                    b'MAINPID=%d' % heir})
            self.assertEqual(self.adieu.process.wait(harness.PATIENCE), 0)
            os.kill(heir, signal.SIGTERM)
            self.assertTrue(manager.recv(4096).startswith(b'STOPPING=1'))

    def test_nobody_is_refused_or_cut_by_upgrades_under_load(self):
        self.adieu = self.start(self.listener('a', self.backend.address))
        self.begin_load()
        for _ in range(5):
            self.upgrade()
        self.end_load()

    def test_port_0_may_be_there_more_than_once(self):
        self.adieu = self.start('[global]\nworkers = 2\n', *[
            self.plain_listener(name, self.backend.address) for name in ('a', 'b', 'c')])
        addresses = [self.adieu.address(name) for name in ('a', 'b', 'c')]
        self.upgrade()
        self.assertEqual(self.adieu.process.wait(harness.PATIENCE), 0)
        for n, name in enumerate(['a', 'b', 'c']):
            said = self.adieu.wait('listen', count=2, listener=name)[-1]['address']
            self.assertEqual(harness.split_address(said), addresses[n])
            for _ in range(8):          # each of the workers
                with socket.create_connection(addresses[n], harness.PATIENCE) as client:
                    self.expect_echo(client)

    def test_a_socket_of_the_service_managers_is_found_by_its_name(self):
        config = pathlib.Path(self.path('activated.conf'))
        config.write_text('[listener:a]\nmode = tcp\nbind = systemd:web\n'
                          f'backend = {self.backend.address}\n')
        with socket.create_server(('127.0.0.1', 0)) as other, \
                socket.create_server(('127.0.0.1', 0)) as web:
            def pass_them():
                for number, one in (103, other), (104, web), (3, 103), (4, 104):
                    os.dup2(one if isinstance(one, int) else one.fileno(), number)

            # The shell knows its pid before it becomes adieu.
            process = subprocess.Popen(
                ['sh', '-c', 'LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=other:web exec "$@"', 'sh',
                 harness.ADIEU, '-c', str(config)],
                preexec_fn=pass_them, close_fds=False, stderr=subprocess.PIPE, text=True)
            try:
                with socket.create_connection(web.getsockname()) as client:
                    self.expect_echo(client)
                process.send_signal(signal.SIGHUP)
                while 'event=reload result=done' not in (line := process.stderr.readline()):
                    self.assertTrue(line)
                with socket.create_connection(web.getsockname()) as client:
                    self.expect_echo(client)
            finally:
                process.terminate()
                self.assertEqual(process.wait(harness.PATIENCE), 0)
                process.stderr.close()

    def test_several_sockets_of_one_name_are_not_left_to_themselves(self):
        """The kernel would take connections on all of them, and adieu on one."""
        config = pathlib.Path(self.path('activated.conf'))
        config.write_text('[listener:a]\nmode = tcp\nbind = systemd:web\nbackend = 127.0.0.1:1\n')
        with socket.create_server(('127.0.0.1', 0)) as one, \
                socket.create_server(('127.0.0.1', 0)) as other:
            def pass_them():
                for number, fd in (103, one.fileno()), (104, other.fileno()), (3, 103), (4, 104):
                    os.dup2(fd, number)

            done = subprocess.run(
                ['sh', '-c', 'LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:web exec "$@"', 'sh',
                 harness.ADIEU, '-c', str(config)], preexec_fn=pass_them, close_fds=False,
                capture_output=True, text=True, timeout=harness.PATIENCE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn('cannot listen on systemd:web: the service manager has passed several '
                      'sockets of that name; give each its own', done.stderr)

    def test_a_socket_that_nobody_can_connect_to_is_refused(self):
        """No connection is ever accepted on it, and it may be readable all the time."""
        config = pathlib.Path(self.path('activated.conf'))
        config.write_text('[listener:a]\nmode = tcp\nbind = systemd:web\nbackend = 127.0.0.1:1\n')
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, \
                socket.socket() as bound, \
                socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as packets:
            for one in datagrams, bound:
                one.bind(('127.0.0.1', 0))
            packets.bind(self.path('packets'))
            packets.listen()
            for one in datagrams, bound, packets:
                # Twice, lest it be where it is wanted, and so be closed when adieu is executed.
                done = subprocess.run(
                    ['sh', '-c', 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec "$@"', 'sh',
                     harness.ADIEU, '-c', str(config)],
                    preexec_fn=lambda fd=one.fileno(): os.dup2(os.dup2(fd, 103), 3),
                    close_fds=False, capture_output=True, text=True, timeout=harness.PATIENCE,
                    check=False)
                with self.subTest(one=str(one)):
                    self.assertEqual(done.returncode, 1)
                    self.assertIn('cannot listen on systemd:web: what the service manager has '
                                  'passed is no stream socket that listens', done.stderr)

    def test_a_socket_that_was_not_passed_is_missed_by_name(self):
        config = pathlib.Path(self.path('activated.conf'))
        config.write_text('[listener:a]\nmode = tcp\nbind = systemd:web\nbackend = 127.0.0.1:1\n')
        done = subprocess.run([harness.ADIEU, '-c', str(config)], capture_output=True, text=True,
                              timeout=harness.PATIENCE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn('cannot listen on systemd:web: the service manager has passed no such '
                      'socket', done.stderr)


if __name__ == '__main__':
    harness.main()
