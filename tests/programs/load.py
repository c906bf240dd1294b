#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Reloads and upgrades while it is busy: nobody is refused, nothing is cut or changed.

Visitors come at a steady rate, over TLS and without, and in through two of our
listeners in a row; others stay from beginning to end. All count what they get.
"""

import asyncio
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import harness

SANITIZED = bool(os.environ.get('ADIEU_SANITIZED'))
RATE = 40 if SANITIZED else 200         # visitors a second
STAYING = 20 if SANITIZED else 100      # transfers
AT_ONCE = 1000                          # a busy machine makes them queue
RELOADS = 20 if SANITIZED else 100
UPGRADES = 3
RESTARTS = 5


class Traffic:
    """In a thread of its own, until it is told to stop."""

    def __init__(self, doors, context, n_staying=STAYING):
        self.doors, self.context, self.n_staying = doors, context, n_staying
        self.n_done = [0] * len(doors)  # through each
        self.trouble = []
        self.over = asyncio.Event()
        self.loop = asyncio.new_event_loop()
        self.all_in = threading.Event()
        self.n_in = self.n_there = 0
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self.run(),))
        self.thread.start()

    async def run(self):
        tasks = [asyncio.create_task(self.attempt(self.stay, n)) for n in range(self.n_staying)]
        self.n_there = self.n_staying
        begun = self.loop.time()
        n = 0
        while not self.over.is_set():
            while n < (self.loop.time() - begun) * RATE and self.n_there < AT_ONCE:
                self.n_there += 1
                tasks.append(asyncio.create_task(self.attempt(self.visit, n)))
                n += 1
            await asyncio.sleep(0.005)
        await asyncio.gather(*tasks)

    async def attempt(self, what, n):
        try:
            async with asyncio.timeout(harness.PATIENCE * 4):
                await what(n)
            self.n_done[n % len(self.doors)] += 1
        except Exception as error:
            self.trouble.append(f'{what.__name__} {n}: {error!r}')
        finally:
            self.n_there -= 1

    async def enter(self, n):
        (host, port), is_tls = self.doors[n % len(self.doors)]
        more = {'ssl': self.context, 'server_hostname': 'localhost'} if is_tls else {}
        reader, writer = await asyncio.open_connection(host, port, **more)
        return reader, writer, is_tls

    @staticmethod
    async def echo(reader, writer, length):
        data = os.urandom(length)
        writer.write(data)
        if await reader.readexactly(length) != data:
            raise ValueError('something else came back')

    @staticmethod
    async def leave(reader, writer, is_tls):
        if not is_tls:
            writer.write_eof()
            if await reader.read():
                raise ValueError('more came than was sent')
        writer.close()
        await writer.wait_closed()      # over TLS: until close_notify came

    async def visit(self, n):
        reader, writer, is_tls = await self.enter(n)
        await self.echo(reader, writer, 100)
        await self.leave(reader, writer, is_tls)

    async def stay(self, n):
        reader, writer, is_tls = await self.enter(n)
        await self.echo(reader, writer, 1)
        self.n_in += 1
        if self.n_in == self.n_staying:
            self.all_in.set()
        while not self.over.is_set():
            await self.echo(reader, writer, 1 + n * 100)
            await asyncio.sleep(0.2)
        await self.leave(reader, writer, is_tls)

    def go_on(self, n):
        """Until so many more have come and gone."""
        wanted = sum(self.n_done) + n
        harness.wait_until(lambda: sum(self.n_done) >= wanted or self.trouble, 'visitors')

    def stop(self):
        self.loop.call_soon_threadsafe(self.over.set)
        self.thread.join()
        self.loop.close()


class Load(harness.Checks):

    def setUp(self):
        super().setUp()
        harness.allow_descriptors(4096)
        self.backend = harness.EchoBackend()
        self.addCleanup(self.backend.stop)
        self.pairs = []
        for name in 'one', 'other':
            self.make_certificate()
            self.pairs.append([shutil.move(path, self.path(f'{name}.{path[-7:]}'))
                               for path in (self.cert, self.key)])
        bundle = pathlib.Path(self.path('both.pem'))
        bundle.write_text(''.join(pathlib.Path(cert).read_text() for cert, _ in self.pairs))
        self.context = ssl.create_default_context(cafile=bundle)
        self.bundle = str(bundle)
        self.heirs = []
        # A process that takes over cannot tell one "any free port" from another.
        self.binds = {name: '%s:%d' % harness.free_address()
                      for name in ('web', 'bare', 'outer', 'more')}

    def bound(self, name, section):
        return section.replace('127.0.0.1:0', self.binds[name])

    def config(self, n):
        """Which certificate there is, and whether there is one more listener, depends on n."""
        self.cert, self.key = self.pairs[n % 2]
        # On a busy machine our visitors may be long in saying hello, and look idle to who drains.
        sections = ['[global]\ndrain-spread = no\ndrain-timeout = 10m\n',
                    '[defaults]\nhandshake-timeout = 2m\nconnect-timeout = 2m\n',
                    self.bound('web', self.listener('web', self.backend.address)),
                    self.bound('bare', self.plain_listener('bare', self.backend.address))]
        self.cert = self.bundle
        sections += [self.tls_backend('inner', self.binds['web']),
                     self.bound('outer', self.plain_listener('outer', 'inner'))]
        if n % 2:
            sections.append(self.bound('more',
                                       self.plain_listener('more', self.backend.address)))
        return '\n'.join(sections)

    def reload(self, config):
        count = len(self.adieu.found('reload', {'result': 'done'})) + 1
        pathlib.Path(self.path('adieu.conf')).write_text(harness.inspectable(config))
        self.adieu.process.send_signal(signal.SIGHUP)
        self.adieu.wait('reload', count=count, result='done')

    def begin(self):
        """Traffic, all of whose long transfers are under way."""
        self.adieu = self.start(self.config(0))
        self.addCleanup(self.end_heirs)
        traffic = Traffic([(self.adieu.address('web'), True),
                           (self.adieu.address('bare'), False),
                           (self.adieu.address('outer'), False)], self.context)
        self.addCleanup(lambda: traffic.thread.is_alive() and traffic.stop())
        self.assertTrue(traffic.all_in.wait(harness.PATIENCE))
        return traffic

    def end(self, traffic, n_processes):
        traffic.stop()
        self.assertEqual(traffic.trouble, [])
        self.assertGreaterEqual(sum(traffic.n_done), STAYING)
        self.assertEqual(self.adieu.found('refused', {}), [])
        # Who comes in by the last door comes through two listeners.
        relays = self.adieu.wait('relay', count=sum(traffic.n_done) + traffic.n_done[-1])
        good = {('close_notify', 'fin'), ('fin', 'fin'), ('fin', 'close_notify')}
        self.assertLessEqual({(one['client-end'], one['backend-end']) for one in relays}, good)
        self.assertEqual(len(self.adieu.found('ready', {})), n_processes)

    def end_heirs(self):
        for pid in self.heirs:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass

    def test_reloads(self):
        traffic = self.begin()
        for n in range(RELOADS):
            self.reload(self.config(n))
            traffic.go_on(RATE // 20)
        self.end(traffic, 1)

    def test_upgrades(self):
        traffic = self.begin()
        for n in range(UPGRADES):
            os.kill(self.heirs[-1] if self.heirs else self.adieu.process.pid, signal.SIGUSR2)
            done = self.adieu.wait('upgrade', count=n + 1, result='done')
            self.heirs.append(int(done[-1]['pid']))
            traffic.go_on(RATE)
        self.end(traffic, 1 + UPGRADES)

    def test_restarts_by_a_service_manager_that_keeps_the_sockets(self):
        """Whoever comes between two processes waits until the second one accepts."""
        self.cert, self.key = self.pairs[0]
        config = pathlib.Path(self.path('activated.conf'))
        config.write_text(harness.inspectable('\n'.join(
            section.replace('127.0.0.1:0', f'systemd:{name}') for name, section in
            (('web', self.listener('web', self.backend.address)),
             ('bare', self.plain_listener('bare', self.backend.address))))))
        with socket.create_server(('127.0.0.1', 0), backlog=4096) as web, \
                socket.create_server(('127.0.0.1', 0), backlog=4096) as bare:
            doors = [(web.getsockname(), True), (bare.getsockname(), False)]
            process = self.activate(config, web, bare)
            traffic = Traffic(doors, self.context, n_staying=0)
            try:
                for _ in range(RESTARTS):
                    traffic.go_on(RATE)
                    process.terminate()
                    self.assertEqual(process.wait(harness.PATIENCE), 0)
                    process = self.activate(config, web, bare)
                traffic.go_on(RATE)
            finally:
                traffic.stop()
                process.terminate()
                self.assertEqual(process.wait(harness.PATIENCE), 0)
        self.assertEqual(traffic.trouble, [])
        self.assertGreaterEqual(sum(traffic.n_done), RATE * (1 + RESTARTS))

    def activate(self, config, web, bare):
        """adieu, with the sockets as its descriptors 3 and 4."""
        def pass_them():
            for number, one in (103, web.fileno()), (104, bare.fileno()), (3, 103), (4, 104):
                os.dup2(one, number)

        # The shell knows its pid before it becomes adieu.
        with open(self.path('activated.log'), 'ab') as log:
            return subprocess.Popen(
                ['sh', '-c', 'LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:bare exec "$@"', 'sh',
                 harness.ADIEU, '-c', str(config)],
                preexec_fn=pass_them, close_fds=False, stderr=log)


if __name__ == '__main__':
    harness.main()
