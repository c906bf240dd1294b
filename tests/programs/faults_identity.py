#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""One allocation after another fails while it is found out who somebody is.

For want of memory a stranger is turned away like a friend; nobody takes a
stranger for a friend.
"""

import os
import shutil
import ssl
import unittest

import fault
import harness


@unittest.skipUnless(fault.HAS_MEMORY, 'the sanitizer has allocations of its own')
class Identity(fault.Checks):

    def setUp(self):
        super().setUp()
        # Another certificate than adieu's, of the same form.
        os.mkdir(self.path('other'))
        for name in 'cert', 'key':
            shutil.move(self.path(f'{name}.pem'), self.path(f'other/{name}.pem'))
        self.make_certificate()
        self.other = self.path('other/cert.pem'), self.path('other/key.pem')

    def fail_each(self, judge, stride):
        self.call, failed = 0, True
        while failed:
            self.call += 1 if self.call == 0 or fault.ALL else stride
            self.adieu.arm(fault.TLS_MEMORY | fault.OUR_MEMORY, self.call, self.call)
            client, server = self.visit()
            failed = self.adieu.control.failed > 0
            self.adieu.control.disarm()
            if client.heard_all or client.got:
                self.complain('it was answered', client, server)
            judge(client, server)
            self.find_line(client, server, self.is_refusal)
            self.adieu.forget()
        self.assertGreater(self.call, 100)

    @staticmethod
    def is_refusal(event):
        return event['event'] in ('handshake', 'refused', 'relay')

    def expect_nobody(self, client, server):
        if server is not None:
            self.complain('a stranger was let in', client, server)

    def turn_away(self, version, *rules):
        """rules: for listener. Nobody who comes is to be let in."""
        self.client_context = ssl.create_default_context(cafile=self.cert)
        self.client_context.maximum_version = version
        self.open('tls', 'plain', 'client-auth = require', *rules)

    def test_who_has_no_certificate_stays_outside(self):
        for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
            with self.subTest(version=version):
                self.turn_away(version, f'client-ca = {self.other[0]}')
                self.fail_each(self.expect_nobody, 7)

    def test_whose_certificate_nobody_knows_stays_outside(self):
        for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
            with self.subTest(version=version):
                self.turn_away(version, f'client-ca = {self.cert}')
                self.client_context.load_cert_chain(*self.other)
                self.fail_each(self.expect_nobody, 5)

    def test_who_is_not_on_the_list_stays_outside(self):
        for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
            with self.subTest(version=version):
                self.turn_away(version, f'client-ca = {self.other[0]}',
                               'client-allow = dns:friend.example.org')
                self.client_context.load_cert_chain(*self.other)
                self.fail_each(self.expect_nobody, 5)

    def test_a_server_that_is_another_gets_nothing(self):
        self.server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server_context.load_cert_chain(*self.other)
        self.open('plain', 'tls')

        def judge(client, server):
            if server is not None and (server.got or server.heard_all):
                self.complain('it was told something', client, server)

        self.fail_each(judge, 3)


if __name__ == '__main__':
    harness.main()
