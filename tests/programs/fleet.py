#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Several instances behind one address: each resumes what another has begun."""

import os
import socket
import ssl

import harness

VERSIONS = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


class Fleet(harness.Checks):

    def setUp(self):
        super().setUp()
        self.backend = harness.EchoBackend()
        self.addCleanup(self.backend.stop)

    def make_key(self, name):
        path = self.path(name)
        with open(path, 'wb', opener=lambda *of: os.open(*of, mode=0o600)) as file:
            file.write(os.urandom(80))
        return path

    def instance(self, *keys):
        lines = (f'ticket-keys = {key}' for key in keys)
        return self.start(self.listener('web', self.backend.address, *lines))

    def visit(self, adieu, context, session=None):
        """Was it resumed, and what to come again with."""
        with socket.create_connection(adieu.address('web')) as plain, \
                context.wrap_socket(plain, server_hostname='localhost',
                                    session=session) as client:
            client.sendall(b'hello')
            self.assertEqual(client.recv(5), b'hello')
            return client.session_reused, client.session

    def expect(self, first, second, resumed):
        for version in VERSIONS:
            with self.subTest(tls=version):
                context = ssl.create_default_context(cafile=self.cert)
                context.minimum_version = context.maximum_version = version
                began, session = self.visit(first, context)
                self.assertFalse(began)
                self.assertEqual(self.visit(second, context, session)[0], resumed)

    def test_instances_with_the_same_keys_resume_each_others_sessions(self):
        key = self.make_key('key')
        one, other = self.instance(key), self.instance(key)
        self.expect(one, other, True)
        self.expect(other, one, True)

    def test_keys_can_be_changed_one_instance_after_the_other(self):
        old, new = self.make_key('old'), self.make_key('new')
        before, learns, seals, after = (self.instance(*keys) for keys in
                                        ((old,), (old, new), (new, old), (new,)))
        self.expect(before, learns, True)
        self.expect(learns, before, True)
        self.expect(learns, seals, True)
        self.expect(seals, learns, True)
        self.expect(seals, after, True)
        self.expect(before, after, False)

    def test_instances_with_keys_of_their_own_do_not(self):
        self.expect(self.instance(), self.instance(), False)
        self.expect(self.instance(self.make_key('one')), self.instance(self.make_key('other')), False)


if __name__ == '__main__':
    harness.main()
