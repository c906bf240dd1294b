#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""One call after another fails while adieu starts.

Then it starts and serves, or it ends with status 1 and a word about what was
missing; it neither crashes, nor hangs, nor starts as half of itself.
"""

import unittest

import fault
import harness

MISSING = ('memory', 'Too many open files', 'No space left', 'Resource temporarily unavailable')


class Start(fault.Checks):

    def fail_once(self, kinds, last):
        """Returns whether it has started, and whether a call failed."""
        self.control.arm(kinds, self.call, last)
        self.adieu = fault.Starting(self.config, self.folder)
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


if __name__ == '__main__':
    harness.main()
