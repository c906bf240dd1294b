#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""SIGHUP: another configuration, all of it or nothing, and nobody is refused or cut."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import threading
import unittest

import harness

SANITIZED = bool(os.environ.get('ADIEU_SANITIZED'))
RELOADS = 100 if SANITIZED else 1000
LONG_TRANSFERS = 4


class Reload(harness.Checks):

    def setUp(self):
        super().setUp()
        self.backend = harness.EchoBackend()
        self.addCleanup(self.backend.stop)
        self.context = ssl.create_default_context(cafile=self.cert)
        self.reloads = 0

    def reload(self, *sections, result='done'):
        pathlib.Path(self.path('adieu.conf')).write_text(
            harness.inspectable('\n'.join(sections)))
        self.adieu.process.send_signal(signal.SIGHUP)
        self.reloads += 1
        return self.adieu.wait('reload', result=result, n=str(self.reloads))[0]

    def connect(self, listener, tls=True):
        plain = socket.create_connection(self.adieu.address(listener), harness.PATIENCE)
        self.addCleanup(plain.close)
        if not tls:
            return plain
        secure = self.context.wrap_socket(plain, server_hostname='localhost')
        self.addCleanup(secure.close)
        return secure

    def expect_echo(self, client, data=b'hello'):
        client.sendall(data)
        got = b''
        while len(got) < len(data):
            part = client.recv(65536)
            self.assertTrue(part)
            got += part
        self.assertEqual(got, data)

    def expect_good_end(self, client):
        client.unwrap().close()

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.adieu.process.pid}/fd'))

    def test_running_relays_go_on_and_new_ones_find_the_same_port(self):
        config = self.listener('a', self.backend.address)
        self.adieu = self.start(config)
        descriptors = self.descriptors()
        before = self.connect('a')
        self.expect_echo(before)
        self.reload(config)
        after = self.connect('a')
        self.expect_echo(after)
        self.expect_echo(before)
        self.expect_good_end(before)
        self.expect_good_end(after)
        self.adieu.wait('relay', count=2, **harness.CLEAN)
        harness.wait_until(lambda: self.descriptors() == descriptors, 'every descriptor')

    def test_a_broken_file_changes_nothing_and_every_error_is_told(self):
        config = self.listener('a', self.backend.address)
        self.adieu = self.start(config)
        said = self.reload('[listener:a]\nbind = nowhere\nnonsense = 1\n', result='failed')
        self.assertIn('adieu.conf:1', said['reason'])
        self.assertGreaterEqual(len(self.adieu.wait('config', count=3, level='error')), 3)
        self.expect_echo(self.connect('a'))
        os.unlink(self.path('adieu.conf'))
        self.adieu.process.send_signal(signal.SIGHUP)
        self.adieu.wait('reload', result='failed', n='2')
        self.expect_echo(self.connect('a'))

    def test_a_certificate_that_is_replaced_is_the_next_clients(self):
        config = self.listener('a', self.backend.address)
        self.adieu = self.start(config)
        first = self.connect('a').getpeercert(True)
        shutil.copy(self.cert, self.path('good.pem'))
        pathlib.Path(self.cert).write_text('garbage')
        said = self.reload(config, result='failed')
        self.assertIn('cert.pem', said['reason'])
        self.assertEqual(self.connect('a').getpeercert(True), first)
        self.make_certificate()
        self.context = ssl.create_default_context(cafile=self.cert)
        self.reload(config)
        self.assertNotEqual(self.connect('a').getpeercert(True), first)

    def test_an_address_that_is_taken_undoes_it_all(self):
        config = self.listener('a', self.backend.address)
        self.adieu = self.start(config)
        taken = f'[listener:b]\nmode = tcp\nbind = {self.backend.address}\nbackend = 127.0.0.1:1\n'
        said = self.reload(config, taken, result='failed')
        self.assertIn('cannot listen on', said['reason'])
        self.expect_echo(self.connect('a'))

    def test_listeners_come_and_go_and_their_relays_stay(self):
        keeps = self.listener('keeps', self.backend.address)
        goes = self.listener('goes', self.backend.address)
        goes = goes.replace('127.0.0.1:0', '%s:%d' % harness.free_address())
        self.adieu = self.start(keeps, goes)
        client = self.connect('goes')
        self.expect_echo(client)
        self.reload(keeps, self.plain_listener('comes', self.backend.address))
        with self.assertRaises(ConnectionRefusedError):
            self.connect('goes')
        self.expect_echo(self.connect('comes', tls=False))
        self.expect_echo(self.connect('keeps'))
        self.expect_echo(client)
        self.expect_good_end(client)
        self.adieu.wait('relay', listener='goes', **harness.CLEAN)

    def test_only_what_comes_and_goes_is_told_of_addresses(self):
        stays = self.listener('stays', self.backend.address)
        named = self.plain_listener('named', self.backend.address)
        goes = self.plain_listener('goes', self.backend.address)
        path = self.path('socket')
        self.adieu = self.start(stays, named, goes)
        address = {name: self.adieu.found('listen', {'listener': name})[0]['address']
                   for name in ('stays', 'named', 'goes')}
        self.reload(stays, named.replace(':named', ':renamed'),
                    self.plain_listener('new', self.backend.address).replace(
                        'bind = 127.0.0.1:0', f'bind = unix:{path}'))
        told = [(event['event'], event['listener'], event['address'], event.get('mode'))
                for event in self.adieu.events if event['event'].startswith('listen')][3:]
        self.assertEqual(told, [('listen', 'renamed', address['named'], 'tcp'),
                                ('listen', 'new', f'unix:{path}', 'tcp'),
                                ('listen-ended', 'goes', address['goes'], None)])
        self.reload(stays)
        self.assertEqual(len(self.adieu.found('listen', {})), 5)
        self.assertEqual(len(self.adieu.found('listen-ended', {})), 3)

    def test_settings_are_those_of_when_a_relay_began(self):
        other = harness.EchoBackend()
        self.addCleanup(other.stop)
        self.adieu = self.start(self.plain_listener('a', self.backend.address))
        for n, backend in enumerate([self.backend, other]):
            client = self.connect('a', tls=False)
            self.expect_echo(client)
            if n == 0:
                self.reload(self.plain_listener('a', other.address))
                self.expect_echo(client)
            client.close()
            self.assertEqual(self.adieu.wait('relay', count=n + 1)[n]['backend'],
                             backend.address)

    def test_who_came_before_the_buffer_was_made_smaller_fills_it_as_before(self):
        server = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(server.close)
        config = ('[global]\nworkers = 1\n' +
                  self.listener('a', '127.0.0.1:%d' % server.getsockname()[1]))
        self.adieu = self.start('[defaults]\nbuffer-size = 1m\n', config)
        client = self.connect('a')
        backend = server.accept()[0]
        self.addCleanup(backend.close)
        self.reload('[defaults]\nbuffer-size = 16k\n', config)
        # It is one for all of a worker's relays, and this one's turns are as large as they were.
        for sender, receiver in (client, backend), (backend, client):
            receiver.settimeout(harness.PATIENCE)
            data = os.urandom(8 << 20)
            thread = threading.Thread(target=sender.sendall, args=[data])
            thread.start()
            got = harness.receive_exactly(receiver, len(data))
            thread.join()
            self.assertTrue(got == data, 'it did not arrive as it is')
        backend.shutdown(socket.SHUT_WR)
        self.expect_good_end(client)
        self.adieu.wait('relay', **harness.CLEAN)

    def test_what_takes_a_restart_is_said(self):
        config = self.plain_listener('a', self.backend.address)
        self.adieu = self.start('[global]\nworkers = 1\n', config)
        self.reload('[global]\nworkers = 2\ncore-dumps = no\n', config)
        for key in 'workers', 'core-dumps':
            self.adieu.wait('reload', key=key, level='warning')

    def test_the_level_of_the_log_may_change(self):
        config = self.listener('a', self.backend.address)
        self.adieu = self.start(config)
        self.knock()
        self.reload('[global]\nlog-level = debug\n', config)
        self.knock()
        self.assertEqual(len(self.adieu.wait('handshake', level='debug')), 1)

    def test_the_library_and_what_it_lacks_were_told_at_the_start(self):
        config = self.listener('a', self.backend.address)
        self.adieu = self.start(config)
        self.reload(config)
        told, = self.adieu.found('tls', {})
        version = re.match(r'OpenSSL (\d+)\.(\d+)', told['library'])
        has_hybrid = tuple(map(int, version.groups())) >= (3, 5)
        self.assertEqual(told.get('lacks'), None if has_hybrid else 'X25519MLKEM768')

    def knock(self):
        """Who says nothing is no news, so that is told at the level of debug."""
        with socket.create_connection(self.adieu.address('a')) as probe:
            probe.shutdown(socket.SHUT_WR)
            probe.settimeout(harness.PATIENCE)
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(probe.recv(1), b'')

    def start_managed(self, config):
        """With a service manager, who is to hear a sign thrice in 300 ms."""
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.bind(self.path('notify'))
        self.manager.settimeout(harness.PATIENCE)
        os.environ.update(NOTIFY_SOCKET=self.path('notify'), WATCHDOG_USEC='300000')
        try:
            self.adieu = self.start(config)
        finally:
            del os.environ['NOTIFY_SOCKET'], os.environ['WATCHDOG_USEC']

    def hear(self, word):
        """What is said about the watchdog may come first."""
        while not (said := self.manager.recv(4096).decode()).startswith(word):
            self.assertTrue(said.startswith('WATCHDOG'), said)
        return said

    def test_the_service_manager_hears_of_it(self):
        self.start_managed(self.plain_listener('a', self.backend.address))
        self.assertIn('STATUS=Serving 1 listener', self.hear('READY=1'))
        self.hear('WATCHDOG=1')
        self.hear('WATCHDOG=1')
        self.reload('nonsense', result='failed')
        self.assertIn('MONOTONIC_USEC=', self.hear('RELOADING=1'))
        self.assertIn('reload failed: ', self.hear('READY=1'))
        self.reload(self.plain_listener('a', self.backend.address))
        self.hear('RELOADING=1')
        self.assertNotIn('failed', self.hear('READY=1'))
        self.assertIsNone(self.adieu.stop())
        self.hear('STOPPING=1')

    def begin_slow_reload(self):
        """Returns where the configuration is to be written, which is waited for."""
        os.unlink(self.path('adieu.conf'))
        os.mkfifo(self.path('adieu.conf'))
        self.adieu.process.send_signal(signal.SIGHUP)
        return open(self.path('adieu.conf'), 'w', encoding='utf-8')

    def test_one_that_takes_its_time_is_not_taken_for_a_hang(self):
        config = self.plain_listener('a', self.backend.address)
        self.start_managed(config)
        self.hear('READY=1')
        with self.begin_slow_reload() as pipe:
            self.hear('RELOADING=1')
            self.assertGreaterEqual(int(self.hear('WATCHDOG_USEC=').split('=')[1]), 60_000_000)
            client = self.connect('a', tls=False)
            self.expect_echo(client)
            pipe.write(config)
        self.assertEqual(self.hear('WATCHDOG_USEC='), 'WATCHDOG_USEC=300000')
        self.hear('READY=1')
        self.hear('WATCHDOG=1')
        self.adieu.wait('reload', result='done')
        self.expect_echo(client)

    def test_who_was_told_to_end_meanwhile_does_not_reload_again(self):
        config = '[global]\nworkers = 16\n' + self.plain_listener('a', self.backend.address)
        self.adieu = self.start(config)
        client = self.connect('a', tls=False)
        self.expect_echo(client)
        with self.begin_slow_reload() as pipe:
            # Both find it reading.
            self.adieu.process.send_signal(signal.SIGHUP)
            self.adieu.process.send_signal(signal.SIGTERM)
            pipe.write(config)
            os.unlink(self.path('adieu.conf'))
            pathlib.Path(self.path('adieu.conf')).write_text('nonsense')
        self.adieu.wait('drain', phase='begin')
        self.expect_echo(client)
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(client.recv(1), b'')
        self.assertEqual(self.adieu.process.wait(harness.PATIENCE), 0)
        self.assertEqual(self.adieu.found('reload', {'result': 'failed'}), [])

    def test_however_often_it_was_asked_for_the_end_comes_before_another_one(self):
        self.adieu = self.start(self.plain_listener('a', self.backend.address))
        with self.begin_slow_reload() as pipe:
            self.adieu.process.send_signal(signal.SIGHUP)
            self.adieu.process.send_signal(signal.SIGHUP)
            pipe.write('nonsense')
        self.adieu.wait('reload', result='failed', n='1')
        with open(self.path('adieu.conf'), 'w', encoding='utf-8') as pipe:
            self.adieu.process.send_signal(signal.SIGHUP)
            self.adieu.process.send_signal(signal.SIGTERM)
            pipe.write('nonsense')
        # A third one would wait for somebody to write.
        self.assertEqual(self.adieu.process.wait(harness.PATIENCE), 0)

    def test_nobody_is_refused_or_cut_while_it_is_reloaded_again_and_again(self):
        config = self.listener('a', self.backend.address)
        self.adieu = self.start(config)
        descriptors = self.descriptors()
        over = threading.Event()
        trouble, done = [], [0]

        def come_and_go():
            while not over.is_set():
                try:
                    plain = socket.create_connection(self.adieu.address('a'), harness.PATIENCE)
                    with self.context.wrap_socket(plain, server_hostname='localhost') as client:
                        self.expect_echo(client)
                        self.expect_good_end(client)
                    done[0] += 1
                except Exception as error:
                    trouble.append(repr(error))

        def transfer():
            data = os.urandom(1 << 16)
            client = self.connect('a')
            try:
                while not over.is_set():
                    self.expect_echo(client, data)
                self.expect_good_end(client)
            except Exception as error:
                trouble.append(repr(error))

        crowd = [threading.Thread(target=come_and_go) for _ in range(4)]
        crowd += [threading.Thread(target=transfer) for _ in range(LONG_TRANSFERS)]
        for one in crowd:
            one.start()
        memory = []
        for n in range(RELOADS):
            self.reload(config)
            memory.append(self.memory())
        over.set()
        for one in crowd:
            one.join()
        self.assertEqual(trouble, [])
        self.assertGreater(done[0], 0)
        for event in self.adieu.wait('relay', count=done[0] + LONG_TRANSFERS):
            self.assertEqual((event['client-end'], event['backend-end']), ('close_notify', 'fin'))
        harness.wait_until(lambda: self.descriptors() == descriptors, 'every descriptor')
        if not SANITIZED:           # a sanitizer keeps freed memory back
            # A generation with its certificate is 40 kB and more, and 500 came in between.
            self.assertLess(max(memory[-100:]) - max(memory[RELOADS // 2 - 100:RELOADS // 2]), 4000)

    def memory(self):
        status = pathlib.Path(f'/proc/{self.adieu.process.pid}/status').read_text()
        return int(status.split('VmRSS:')[1].split()[0])

    @unittest.skipIf(SANITIZED, 'a sanitizer keeps freed memory back')
    def test_a_generation_is_gone_with_its_last_relay(self):
        config = self.listener('a', self.backend.address)
        self.adieu = self.start(config)
        for n in range(20):
            self.reload(config)
        before = self.memory()
        for n in range(200):
            client = self.connect('a')
            self.reload(config)
            self.expect_echo(client)
            self.expect_good_end(client)
        self.adieu.wait('relay', count=200, **harness.CLEAN)
        # A generation with its certificate is 40 kB and more.
        self.assertLess(self.memory() - before, 2000)


if __name__ == '__main__':
    harness.main()
