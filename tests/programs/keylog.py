#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Secrets in a file: the right ones, for nobody else, and no longer than wanted."""

import os
import pathlib
import pwd
import signal
import socket
import ssl

import harness


class Keylog(harness.Checks):

    def setUp(self):
        super().setUp()
        self.backend = harness.EchoBackend()
        self.addCleanup(self.backend.stop)
        self.keylog = pathlib.Path(self.path('secrets'))

    def config(self, keylog=True):
        more = f'[global]\nkeylog = {self.keylog}\n' if keylog else ''
        return more + self.listener('a', self.backend.address)

    def talk(self, version=ssl.TLSVersion.TLSv1_3):
        """One connection; what the client says of its secrets."""
        own = pathlib.Path(self.path('own'))
        own.unlink(missing_ok=True)
        context = ssl.create_default_context(cafile=self.cert)
        context.keylog_filename = own
        context.minimum_version = context.maximum_version = version
        with socket.create_connection(self.adieu.address('a')) as plain, \
                context.wrap_socket(plain, server_hostname='localhost') as client:
            client.sendall(b'hello')
            self.assertEqual(client.recv(5), b'hello')
        return {line for line in own.read_text().splitlines() if not line.startswith('#')}

    def logged(self):
        return set(self.keylog.read_text().splitlines())

    def reload(self, config, result='done'):
        pathlib.Path(self.path('adieu.conf')).write_text(harness.inspectable(config))
        count = len(self.adieu.found('reload', {'result': result})) + 1
        self.adieu.process.send_signal(signal.SIGHUP)
        self.adieu.wait('reload', count=count, result=result)

    def test_the_secrets_are_those_that_the_client_has(self):
        self.adieu = self.start(self.config())
        self.adieu.wait('keylog', level='warning', file=str(self.keylog))
        for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
            with self.subTest(tls=version):
                own = self.talk(version)
                self.assertTrue(own)
                self.assertLessEqual(own, self.logged())
        self.assertEqual(self.keylog.stat().st_mode & 0o777, 0o600)

    def test_a_reload_begins_and_ends_it(self):
        self.adieu = self.start(self.config(keylog=False))
        self.talk()
        self.assertFalse(self.keylog.exists())
        for _ in range(2):
            self.reload(self.config())
            own = self.talk()
            self.assertLessEqual(own, self.logged())
            self.reload(self.config(keylog=False))
            own = self.talk()
            self.assertTrue(own.isdisjoint(self.logged()))

    def test_a_file_that_others_may_read_is_refused(self):
        self.keylog.touch()
        os.chmod(self.keylog, 0o640)
        self.adieu = self.start(self.config(keylog=False))
        self.reload(self.config(), 'failed')
        self.assertIn('chmod 600', self.adieu.found('reload', {'result': 'failed'})[0]['reason'])
        self.talk()
        self.assertEqual(self.logged(), set())

    def as_nobody(self):
        """Once it is started, which takes root; and its folder is its own."""
        if os.geteuid() != 0:
            self.skipTest('only root becomes somebody else')
        account = pwd.getpwnam('nobody')
        for path in self.folder, self.cert, self.key:
            os.chown(path, account.pw_uid, -1)
        return account, self.config().replace('[global]\n', '[global]\nuser = nobody\n')

    def test_one_that_root_has_made_is_the_accounts_after_a_reload_too(self):
        account, config = self.as_nobody()
        self.adieu = self.start(config)
        self.assertEqual(self.keylog.stat().st_uid, account.pw_uid)
        for _ in range(2):
            own = self.talk()
            self.assertTrue(own)
            self.assertLessEqual(own, self.logged())
            self.reload(config)
        self.assertEqual(self.keylog.stat().st_mode & 0o777, 0o600)

    def test_one_that_is_there_is_not_given_away(self):
        _, config = self.as_nobody()
        self.keylog.touch(0o600)
        with self.assertRaisesRegex(AssertionError, 'keylog: .* belongs to somebody else'):
            self.start(config)
        self.assertEqual(self.keylog.stat().st_uid, 0)

    def test_a_link_is_refused(self):
        self.keylog.symlink_to(self.path('elsewhere'))
        self.adieu = self.start(self.config(keylog=False))
        self.reload(self.config(), 'failed')
        self.assertFalse(os.path.exists(self.path('elsewhere')))


if __name__ == '__main__':
    harness.main()
