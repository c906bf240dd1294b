#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""5,000 certificates, all replaced by a reload, again and again, with visitors meanwhile.

MANY_NAMES=N for another number of them.
"""

import os
import random
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

import harness

NAMES = int(os.environ.get('MANY_NAMES', '5000'))
SERIES = 2              # of certificates, which take turns
RELOADS = 3
VISITORS = 3
PAUSE = 0.02            # seconds between two visits of one visitor
SAMPLE = 50             # names that are looked at after each reload
SANITIZED = bool(os.environ.get('ADIEU_SANITIZED'))
MOST_MEMORY = 40        # kB for each certificate
MOST_CPU = 6            # seconds for each load
MOST_GROWTH = 0.1       # of the memory, over all reloads but the first, and with many workers
MOST_WORKERS = 16


class ManyNames(harness.Checks):

    @classmethod
    def setUpClass(cls):
        issued = tempfile.TemporaryDirectory(prefix='adieu-')
        cls.addClassCleanup(issued.cleanup)
        cls.authority = issued.name
        subprocess.run([os.environ['ADIEU_ISSUE'], cls.authority, str(NAMES), str(SERIES)],
                       check=True)

    def setUp(self):
        super().setUp()
        self.served = self.path('served')
        os.mkdir(self.served)
        self.replace(0)
        self.backend = harness.EchoBackend()
        self.addCleanup(self.backend.stop)
        self.context = ssl.create_default_context(
            cafile=os.path.join(self.authority, 'ca.pem'))
        self.over = threading.Event()
        self.n_visits = 0
        self.complaints = []

    def replace(self, series):
        """Each file at once, as whoever renews certificates does it."""
        folder = os.path.join(self.authority, str(series))
        new = self.path('new')
        for name in os.listdir(folder):
            os.link(os.path.join(folder, name), new)
            os.replace(new, os.path.join(self.served, name))

    def test_a_reload_replaces_all_of_them_and_no_visitor_notices(self):
        alone = self.pss(self.start(self.listener('web', self.backend.address)))
        adieu = self.start(self.listener('web', self.backend.address,
                                         f'cert-dir = {self.served}'))
        print(f'loaded in {self.cpu(adieu):.2f} s of CPU, '
              f'{(self.pss(adieu) - alone) / NAMES:.1f} kB for each certificate')
        visitors = [threading.Thread(target=self.visit, args=(adieu,)) for _ in range(VISITORS)]
        for visitor in visitors:
            visitor.start()
        try:
            memory = [self.reload(adieu, number) for number in range(1, RELOADS + 1)]
        finally:
            self.over.set()
            for visitor in visitors:
                visitor.join()
        print(f'{self.n_visits} visits meanwhile; PSS after each reload: {memory} kB')
        self.assertEqual(self.complaints, [])
        self.assertGreater(self.n_visits, 0)
        self.assertEqual(adieu.found('handshake', {}), [])
        if not SANITIZED:
            self.assertLess((memory[0] - alone) / NAMES, MOST_MEMORY)
            self.assertLess(max(memory[1:]), memory[0] * (1 + MOST_GROWTH))

    @unittest.skipIf(SANITIZED, 'a sanitizer has its own memory beside all that is taken')
    def test_workers_share_what_is_loaded(self):
        each = []
        for workers in 1, MOST_WORKERS:
            memory = [self.pss(self.start(f'[global]\nworkers = {workers}\n',
                                          self.listener('web', self.backend.address, *certs)))
                      for certs in ((), (f'cert-dir = {self.served}',))]
            each.append((memory[1] - memory[0]) / NAMES)
        print(f'{each[0]:.1f} kB for each certificate with 1 worker, '
              f'{each[1]:.1f} kB with {MOST_WORKERS}')
        self.assertLess(each[1], MOST_MEMORY)
        self.assertLess(each[1], each[0] * (1 + MOST_GROWTH))

    def reload(self, adieu, number):
        """All names have the new certificates then. Returns the memory that is taken."""
        series = number % SERIES
        self.replace(series)
        before = self.cpu(adieu)
        adieu.process.send_signal(signal.SIGHUP)
        adieu.wait('reload', count=number, result='done', seconds=4 * harness.PATIENCE)
        spent = self.cpu(adieu) - before
        self.assertEqual(adieu.found('certificates', {})[-1]['loaded'], str(NAMES))
        for name in random.sample(range(NAMES), min(SAMPLE, NAMES)):
            self.assertEqual(self.ask(adieu, name), str(series))
        print(f'reload {number}: {spent:.2f} s of CPU, visitors included')
        if not SANITIZED:
            self.assertLess(spent, MOST_CPU)
        return self.pss(adieu)

    def visit(self, adieu):
        """Whatever is served, it has the name, and data goes both ways."""
        while not self.over.is_set():
            try:
                self.ask(adieu, random.randrange(NAMES))
                self.n_visits += 1
            except (OSError, AssertionError) as complaint:
                self.complaints.append(repr(complaint))
            time.sleep(PAUSE)

    def ask(self, adieu, name):
        """The series of the certificate that a name has."""
        with socket.create_connection(adieu.address('web'), harness.PATIENCE) as plain, \
                self.context.wrap_socket(plain,
                                         server_hostname=f'n{name}.many.test') as client:
            client.sendall(b'hello')
            if client.recv(5) != b'hello':
                raise AssertionError('no echo')
            subject = dict(part[0] for part in client.getpeercert()['subject'])
            client.unwrap().close()
            return subject['commonName']

    @staticmethod
    def pss(adieu):
        """In kB."""
        with open(f'/proc/{adieu.process.pid}/smaps_rollup', encoding='ascii') as rollup:
            return int(re.search(r'^Pss:\s+(\d+) kB', rollup.read(), re.MULTILINE)[1])

    @staticmethod
    def cpu(adieu):
        """In seconds, of all threads."""
        with open(f'/proc/{adieu.process.pid}/stat', encoding='ascii') as stat:
            user, system = stat.read().rpartition(')')[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf('SC_CLK_TCK')


if __name__ == '__main__':
    harness.main()
