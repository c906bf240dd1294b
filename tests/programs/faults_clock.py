#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The clock jumps, by years, forwards and back.

What is measured in time goes on as if nothing had happened. What has a date is
good or not by the clock that there is now, and good again when that is right.
"""

import os
import shutil
import signal
import socket
import ssl
import time
import unittest

import fault
import harness
import stapling
from peers import PATIENCE, play

YEARS = 10 * 365 * 24 * 3600
DAYS = 24 * 3600


class Clock(fault.Checks):

    def open_with_timers(self):
        self.open('tls', 'plain', 'handshake-timeout = 300ms', 'half-close-timeout = 300ms')

    def jump(self, seconds):
        self.adieu.control.clock = seconds

    def begin(self):
        """A request that was not answered."""
        client = self.knock()
        client.say(fault.REQUEST)
        server = self.await_server(client)
        self.assertTrue(play([client, server], lambda: server.got == fault.REQUEST))
        return client, server

    def test_who_is_there_stays_and_ends_well(self):
        self.open_with_timers()
        for jump in YEARS, -YEARS, 0:
            client, server = self.begin()
            self.jump(jump)
            # It would be over by now.
            self.assertFalse(play([client, server], lambda: client.is_over, 0.5))
            client.say(b'', last=True)
            self.answer(client, server)
            self.assertTrue(play([client, server], lambda: client.is_over and server.is_over))
            if not self.judge(client, server):
                self.complain('it did not end well', client, server)
            for one in client, server:
                one.close()
            self.adieu.forget()

    def test_timers_of_before_and_after_go_off_in_time(self):
        self.open_with_timers()
        for jump in YEARS, -YEARS, 0:
            with self.subTest(jump=jump):
                client, server = self.begin()
                client.say(b'', last=True)
                self.assertTrue(play([client, server], lambda: server.heard_all))
                self.jump(jump)
                with socket.create_connection(self.address) as silent:
                    silent.settimeout(PATIENCE)
                    with self.assertRaises(ConnectionResetError):
                        silent.recv(1)
                self.assertTrue(play([client, server], lambda: client.is_over))
                self.adieu.wait('relay', backend_end='timeout:half-close')
                self.assertFalse(client.heard_all)
                for one in client, server:
                    one.close()
                self.adieu.forget()

    def test_the_log_has_the_time_that_it_is_said_to_be(self):
        self.open('plain', 'plain')
        for jump in YEARS, -YEARS:
            self.jump(jump)
            self.judge(*self.visit())
            said = self.adieu.found('relay', {})[0]
            self.assertEqual(said['time'][:4], time.strftime('%Y', time.gmtime(time.time() + jump)))
            self.assertLess(float(said['duration']), PATIENCE)
            self.adieu.forget()

    def test_a_server_whose_certificate_is_out_of_date_gets_nothing_until_it_is_good_again(self):
        self.open('tls', 'tls')
        good = self.adieu.descriptors()
        self.expect_good_visit(good)
        for jump, fault in (10 * DAYS, 'expired'), (-10 * DAYS, 'not_yet_valid'):
            self.jump(jump)
            client, server = self.visit()
            self.assertFalse(client.heard_all)
            self.assertEqual(server.got, b'')
            self.adieu.wait('relay', backend_end='refused:backend_certificate:' + fault)
            self.adieu.forget()
            self.jump(0)
            self.expect_good_visit(good)

    def test_a_client_whose_certificate_is_out_of_date_stays_outside_until_it_is_good_again(self):
        shutil.copy(self.cert, self.path('authority.pem'))
        self.client_context.load_cert_chain(self.cert, self.key)
        self.open('tls', 'plain', 'client-auth = require',
                  f'client-ca = {self.path("authority.pem")}')
        good = self.adieu.descriptors()
        for jump, cause in (10 * DAYS, 'expired'), (-10 * DAYS, 'not_yet_valid'):
            self.expect_good_visit(good)
            self.jump(jump)
            client, server = self.visit()
            self.assertFalse(client.heard_all)
            self.assertIsNone(server)
            self.adieu.wait('handshake', cause=f'client_certificate:{cause}')
            self.adieu.forget()
            self.jump(0)
        self.expect_good_visit(good)

    def test_sessions_are_not_resumed_after_their_time(self):
        self.client_context.maximum_version = ssl.TLSVersion.TLSv1_2
        self.open('tls', 'plain')
        first, _ = self.visit()
        session = first.tls.session
        wrap = self.wrap_client
        self.wrap_client = lambda incoming, outgoing: self.client_context.wrap_bio(
            incoming, outgoing, server_hostname='localhost', session=session)
        for jump, resumed in (0, True), (30 * DAYS, False), (0, True), (-60, True):
            self.jump(jump)
            self.adieu.forget()
            visitors = self.visit()
            if not self.judge(*visitors):
                self.complain('no service', *visitors)
            self.assertEqual(visitors[0].tls.session_reused, resumed, jump)
        self.wrap_client = wrap

    @unittest.skipIf(shutil.which('unshare') is None or os.geteuid() != 0,
                     'only root may have a clock of its own')
    def test_a_machine_that_has_run_for_years_is_as_good_as_any(self):
        config = self.sections('tls', 'tls', 'handshake-timeout = 300ms')
        original = harness.ADIEU
        wrapper = self.path('adieu-of-years')
        with open(wrapper, 'w', encoding='ascii') as script:
            script.write('#!/bin/sh\nexec unshare --fork --kill-child --time --monotonic '
                         f'{YEARS} --boottime {YEARS} {original} "$@"\n')
        os.chmod(wrapper, 0o755)
        harness.ADIEU = wrapper
        try:
            self.adieu = fault.Starting(config, self.folder)
        finally:
            harness.ADIEU = original
        self.addCleanup(self.adieu.process.kill)
        self.assertTrue(self.adieu.is_ready(), self.adieu.lines)
        self.find()
        visitors = self.visit()
        if not self.judge(*visitors):
            self.complain('no service', *visitors)
        self.assertLess(float(self.adieu.found('relay', {})[0]['duration']), PATIENCE)
        with socket.create_connection(self.address) as silent:
            silent.settimeout(PATIENCE)
            with self.assertRaises(ConnectionResetError):
                silent.recv(1)
        os.kill(int(self.adieu.found('ready', {})[0]['pid']), signal.SIGTERM)
        self.adieu.wait('stop')
        self.assertEqual(self.adieu.process.wait(PATIENCE), 0)


class Staple(stapling.Stapling):

    def test_a_staple_is_given_as_long_as_it_holds(self):
        self.staple()
        adieu = fault.Adieu(self.listener('web', self.backend), self.folder)
        self.addCleanup(self.end_well, adieu)
        for jump, given in (0, True), (3 * DAYS, False), (0, True), (-3 * DAYS, False):
            adieu.control.clock = jump
            answer = self.s_client(adieu, '1.3')
            self.assertEqual('OCSP Response Status: successful' in answer, given, jump)
        adieu.wait('certificate', problem='staple_expired')


def load_tests(loader, _, __):
    """Not once more what has a file of its own."""
    return unittest.TestSuite([loader.loadTestsFromTestCase(Clock),
                               Staple('test_a_staple_is_given_as_long_as_it_holds')])


if __name__ == '__main__':
    harness.main()
