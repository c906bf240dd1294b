#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""One call after another fails while adieu --demo starts, where newcomers meet it.

It starts and serves, or ends with status 1 and a word about what was missing.
After that the demonstration's web server is libevent's, which goes on without
what it could not allocate, and crashes; a relay is a relay (faults_relay.py).
"""

import contextlib
import http.client
import ssl
import subprocess
import unittest

import fault
import harness
from faults_start import MISSING

LISTENERS = 'demo-tls', 'demo-plain'


class Demonstration(fault.Starting):

    @staticmethod
    def command(config, folder):
        return [harness.ADIEU, '--demo']


class Demo(harness.Checks):

    def begin(self, kinds, first, last):
        self.control = fault.Control.open(self.folder)
        self.control.arm(kinds, first, last)
        self.adieu = Demonstration(None, self.folder, stdout=subprocess.DEVNULL)
        self.addCleanup(self.adieu.process.kill)

    def complain(self, what):
        self.control.disarm()
        self.fail(f'{what}\n{fault.stack(self.control.where)}\n{fault.stack(self.control.crash)}\n'
                  + ''.join(self.adieu.lines[-20:]))

    def ask(self, listener):
        """What the web server answers."""
        address = self.adieu.address(listener)
        if listener == 'demo-tls':
            made = http.client.HTTPSConnection(*address, timeout=harness.PATIENCE,
                                               context=ssl._create_unverified_context())
        else:
            made = http.client.HTTPConnection(*address, timeout=harness.PATIENCE)
        with contextlib.closing(made):
            try:
                made.request('GET', '/')
                return made.getresponse().read().decode()
            except (OSError, http.client.HTTPException) as error:
                self.complain(f'{listener}: {error!r}')

    def expect_service(self):
        for listener in LISTENERS:
            if f'listener:  {listener}\n' not in self.ask(listener):
                self.complain(f'{listener} does not serve')

    def expect_end(self):
        status = self.adieu.end()
        if status != 0:
            self.complain(f'status {status}')

    def expect_last_words(self):
        status = self.adieu.end()
        said = ''.join(self.adieu.lines)
        if status != 1 or not any(word in said for word in MISSING):
            self.complain(f'status {status}')

    def fail_each(self, kinds, stride=1, for_ever=False):
        call, failed = 0, True
        while failed:
            call += 1 if call == 0 or fault.ALL else stride
            self.begin(kinds, call, fault.FOR_EVER if for_ever else call)
            is_ready, failed = self.adieu.is_ready(), self.control.failed > 0
            self.control.disarm()
            if is_ready:
                self.expect_service()
                self.expect_end()
            else:
                self.expect_last_words()
        self.assertTrue(is_ready)
        return call

    def test_it_starts_without_a_descriptor_or_says_so(self):
        self.assertGreater(self.fail_each(fault.DESCRIPTORS), 20)
        self.fail_each(fault.DESCRIPTORS, for_ever=True)

    @unittest.skipUnless(fault.HAS_MEMORY, 'the sanitizer has allocations of its own')
    def test_it_starts_without_memory_or_says_so(self):
        self.assertGreater(self.fail_each(fault.OUR_MEMORY), 100)
        self.fail_each(fault.OUR_MEMORY, stride=3, for_ever=True)
        self.assertGreater(self.fail_each(fault.TLS_MEMORY, stride=97), 5000)


if __name__ == '__main__':
    harness.main()
