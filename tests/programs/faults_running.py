#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""One call after another fails while adieu reloads, makes way for another, or ends.

A reload is done or was never begun; of an upgrade one of the two is left and
serves; and an end is one, in time.
"""

import os
import signal
import unittest

import fault
import harness
from peers import PATIENCE, play

needs_memory = unittest.skipUnless(fault.HAS_MEMORY, 'the sanitizer has allocations of its own')


class Reload(fault.Checks):

    def setUp(self):
        super().setUp()
        self.reloads = 0

    def reload(self):
        """What is said of it."""
        self.adieu.process.send_signal(signal.SIGHUP)
        self.reloads += 1
        n = str(self.reloads)

        def find():
            return [event for event in self.adieu.found('reload', {'n': n}) if 'result' in event]

        with self.adieu.news:
            if not self.adieu.news.wait_for(find, PATIENCE):
                self.complain('no end of a reload')
            return find()[0]

    def rewrite(self):
        """As another file: a certificate that is the same as before is not loaded again."""
        for name in self.cert, self.key:
            os.utime(name, ns=(self.call + 1, self.call + 1))

    def fail_each(self, kinds, stride=1, for_ever=False):
        self.call, failed = 0, True
        self.reload()
        before = self.adieu.descriptors()
        while failed:
            self.call += 1 if self.call == 0 or fault.ALL else stride
            self.rewrite()
            self.adieu.arm(kinds, self.call, fault.FOR_EVER if for_ever else self.call)
            said = self.reload()
            failed = self.adieu.control.failed > 0
            self.adieu.control.disarm()
            if said['result'] == 'failed' and not said['reason']:
                self.complain('it does not say why')
            if said['result'] == 'failed' and not failed:
                self.complain('nothing was the matter')
            self.adieu.forget()
            self.expect_good_visit(before)
        if self.reload()['result'] != 'done':
            self.complain('it does not reload any more')
        self.adieu.forget()
        self.expect_good_visit(before)
        return self.call

    def test_without_descriptors_it_is_done_or_nothing_has_changed(self):
        self.open('tls', 'tls')
        self.assertGreater(self.fail_each(fault.DESCRIPTORS), 3)
        self.fail_each(fault.DESCRIPTORS, for_ever=True)

    @needs_memory
    def test_without_memory_it_is_done_or_nothing_has_changed(self):
        self.open('tls', 'tls')
        self.assertGreater(self.fail_each(fault.OUR_MEMORY), 50)
        self.fail_each(fault.OUR_MEMORY, stride=3, for_ever=True)

    @needs_memory
    def test_openssl_without_memory_it_is_done_or_nothing_has_changed(self):
        self.open('tls', 'tls')
        self.assertGreater(self.fail_each(fault.TLS_MEMORY, stride=13), 1000)
        self.fail_each(fault.TLS_MEMORY, stride=51, for_ever=True)


class Upgrade(fault.Checks):

    def setUp(self):
        super().setUp()
        self.config = self.sections('tls', 'plain')
        self.begin()
        self.addCleanup(self.end)

    def begin(self):
        self.adieu = fault.Adieu(self.config, self.folder, **self.options)
        self.heir = None
        self.find()
        self.descriptors = self.adieu.descriptors()
        self.adieu.forget()

    def end(self):
        """Of both, for they write to the same log."""
        if self.heir is not None:
            os.kill(self.heir, signal.SIGTERM)
        complaint = self.adieu.stop()
        self.assertIsNone(complaint, complaint)

    def upgrade(self):
        """What came of it: failed or done."""
        self.adieu.process.send_signal(signal.SIGUSR2)

        def find():
            return [event for event in self.adieu.found('upgrade', {})
                    if event['result'] in ('failed', 'done')]

        with self.adieu.news:
            if not self.adieu.news.wait_for(find, PATIENCE):
                self.complain('no end of an upgrade')
            return find()[0]

    def fail_each(self, kinds, stride=1, for_ever=False, in_heir=False):
        self.call, failed = 0, True
        while failed:
            self.call += 1 if self.call == 0 or fault.ALL else stride
            old = self.adieu.process.pid
            self.adieu.control.arm(kinds, self.call, fault.FOR_EVER if for_ever else self.call,
                                   **{'spared' if in_heir else 'pid': old})
            said = self.upgrade()
            failed = self.adieu.control.failed > 0
            self.adieu.control.disarm()
            self.judge_upgrade(said, failed)
        return self.call

    def judge_upgrade(self, said, failed):
        if self.adieu.control.crash:
            self.complain(f'a crash: {fault.stack(self.adieu.control.crash)}')
        if said['result'] == 'done':
            self.heir = int(said['pid'])
            if self.adieu.process.wait(PATIENCE) != 0:
                self.complain('the old one did not end well')
        elif not failed:
            self.complain('nothing was the matter')
        visitors = self.visit()
        if not self.judge(*visitors):
            self.complain('nobody serves', *visitors)
        if self.heir is None:
            harness.wait_until(lambda: self.adieu.descriptors() == self.descriptors,
                               'every descriptor')
            self.adieu.forget()
        else:
            self.end()
            self.begin()

    def test_the_old_one_without_descriptors_or_processes(self):
        self.assertGreater(self.fail_each(fault.DESCRIPTORS), 3)
        self.fail_each(fault.DESCRIPTORS, for_ever=True)

    def test_the_new_one_without_descriptors_or_threads(self):
        self.assertGreater(self.fail_each(fault.DESCRIPTORS, in_heir=True), 10)

    @needs_memory
    def test_the_old_one_without_memory(self):
        self.assertGreater(self.fail_each(fault.OUR_MEMORY), 3)
        self.fail_each(fault.OUR_MEMORY, for_ever=True)

    @needs_memory
    def test_the_new_one_without_memory(self):
        self.assertGreater(self.fail_each(fault.OUR_MEMORY, stride=3, in_heir=True), 100)
        self.assertGreater(self.fail_each(fault.TLS_MEMORY, stride=499, in_heir=True), 10000)


class End(fault.Checks):

    def fail_each(self, kinds, stays=False, for_ever=False):
        self.call, failed = 0, True
        while failed:
            self.call += 1
            client, server = self.begin()
            self.adieu.arm(kinds, self.call, fault.FOR_EVER if for_ever else self.call)
            self.adieu.process.send_signal(signal.SIGTERM)
            self.adieu.wait('drain', phase='begin')
            if not stays:
                client.say(b'', last=True)
                self.answer(client, server)
            if not play([client, server], lambda: client.is_over and server.is_over):
                self.complain('it hangs', client, server)
            status = self.adieu.end()
            if status != 0:
                self.complain(f'status {status}', client, server)
            failed = self.adieu.control.failed > 0
            if stays:
                self.find_line(client, server, self.is_cut)
            else:
                self.judge(client, server)
            for one in client, server, self.door:
                one.close()

    def begin(self):
        """Somebody is there whose request is under way."""
        config = self.sections('tls', 'plain')
        config = config.replace('[global]', '[global]\ndrain-timeout = 300ms')
        self.adieu = fault.Starting(config, self.folder, **self.options)
        self.addCleanup(self.adieu.process.kill)
        self.find()
        self.adieu.forget()
        client = self.knock()
        client.say(fault.REQUEST)
        server = self.await_server(client)
        self.assertTrue(play([client, server], lambda: server.got == fault.REQUEST))
        return client, server

    @staticmethod
    def is_cut(event):
        return 'drain' in (event.get('client-end'), event.get('backend-end'))

    def test_who_is_there_comes_to_an_end_and_so_does_adieu(self):
        self.fail_each(fault.DESCRIPTORS)
        if fault.HAS_MEMORY:
            for kinds in fault.OUR_MEMORY, fault.TLS_MEMORY:
                self.fail_each(kinds)
                self.fail_each(kinds, for_ever=True)

    def test_who_stays_is_cut(self):
        self.fail_each(fault.DESCRIPTORS, stays=True, for_ever=True)
        if fault.HAS_MEMORY:
            self.fail_each(fault.OUR_MEMORY, stays=True, for_ever=True)


if __name__ == '__main__':
    harness.main()
