#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""One call after another fails while adieu starts.

Then it starts and serves, or it ends with status 1 and a word about what was
missing; it neither crashes, nor hangs, nor starts as half of itself.
"""

import subprocess
import unittest

import fault
import harness
from peers import PATIENCE

MISSING = ('memory', 'Too many open files', 'No space left', 'Resource temporarily unavailable')


class Start(fault.Checks):

    def fail_once(self, kinds, last):
        """Returns whether it has started, and whether a call failed."""
        self.control.arm(kinds, self.call, last)
        self.adieu = fault.Starting(self.config, self.folder, **self.options)
        self.addCleanup(self.adieu.process.kill)
        is_ready, failed = self.adieu.is_ready(), self.control.failed > 0
        self.control.disarm()
        return is_ready, failed

    def fail_each(self, kinds, stride=1, for_ever=False):
        self.config = self.sections('tls', 'tls')
        self.control = fault.Control.open(self.folder)
        self.call, failed = 0, True
        while failed:
            self.call += 1 if self.call == 0 or fault.ALL else stride
            is_ready, failed = self.fail_once(kinds, fault.FOR_EVER if for_ever else self.call)
            if is_ready:
                self.expect_service()
            else:
                self.expect_last_words()
        self.assertTrue(is_ready)
        return self.call

    def expect_service(self):
        self.find()
        visitors = self.visit()
        if not self.judge(*visitors):
            self.complain('it does not serve', *visitors)
        status = self.adieu.end()
        if status != 0:
            self.complain(f'status {status}')

    def expect_last_words(self):
        status = self.adieu.end()
        said = ''.join(self.adieu.lines)
        if status != 1 or not any(word in said for word in MISSING):
            self.complain(f'status {status}')

    def test_without_a_descriptor_a_thread_or_a_place_to_poll(self):
        self.assertGreater(self.fail_each(fault.DESCRIPTORS), 20)
        self.fail_each(fault.DESCRIPTORS, for_ever=True)

    @unittest.skipUnless(fault.HAS_MEMORY, 'the sanitizer has allocations of its own')
    def test_without_memory(self):
        self.assertGreater(self.fail_each(fault.OUR_MEMORY), 100)
        self.fail_each(fault.OUR_MEMORY, stride=3, for_ever=True)

    @unittest.skipUnless(fault.HAS_MEMORY, 'the sanitizer has allocations of its own')
    def test_openssl_without_memory(self):
        self.assertGreater(self.fail_each(fault.TLS_MEMORY, stride=97), 10000)
        self.fail_each(fault.TLS_MEMORY, stride=401, for_ever=True)


@unittest.skipUnless(fault.HAS_MEMORY, 'the sanitizer has allocations of its own')
class Judgement(fault.Checks):
    """What is only asked about a configuration gets an answer, or a word about why not."""

    def fail_each(self, command, kinds, stride=1):
        config = self.path('adieu.conf')
        with open(config, 'w', encoding='utf-8') as file:
            file.write(self.sections('tls', 'tls'))
        control = fault.Control.open(self.folder)
        call, failed = 0, True
        while failed:
            call += 1 if call == 0 or fault.ALL else stride
            control.arm(kinds, call, call)
            with fault.loaded(self.path('control')):
                done = subprocess.run([harness.ADIEU, '-c', config, command], capture_output=True,
                                      text=True, timeout=PATIENCE, check=False)
            failed = control.failed > 0
            control.disarm()
            words = done.stderr + done.stdout
            if done.returncode not in (0, 1) or (done.returncode == 1 and 'memory' not in words):
                self.fail(f'{command}: call {call}, status {done.returncode}: {words}\n'
                          f'{fault.stack(control.where)}\n{fault.stack(control.crash)}')
        self.assertEqual(done.returncode, 0)

    def test_check_and_explain_without_memory(self):
        for command in '--check', '--explain':
            self.fail_each(command, fault.OUR_MEMORY)
            self.fail_each(command, fault.TLS_MEMORY, 199)


if __name__ == '__main__':
    harness.main()
