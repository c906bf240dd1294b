#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Servers that people run, behind adieu: on TCP, on a Unix socket, in TLS."""

import grp
import os
import pathlib
import pwd
import signal

import harness

BIG = 20 << 20


class Nginx(harness.Checks):

    def setUp(self):
        super().setUp()
        self.page = os.urandom(BIG)
        os.mkdir(self.path('www'))
        pathlib.Path(self.path('www'), 'big').write_bytes(self.page)

    def assert_page(self, url, *options):
        page = self.curl(url, *options)
        self.assertTrue(page == self.page, 'the page did not arrive as it is')

    def test_20_mb_arrive_as_they_are(self):
        web = '%s:%d' % harness.free_address()
        self.nginx(web)
        adieu = self.start(self.listener('web', web))
        self.assert_page(adieu.url('web', '/big'))
        adieu.wait('relay', **harness.CLEAN)

    def test_requests_on_one_connection_are_one_relay(self):
        web = '%s:%d' % harness.free_address()
        self.nginx(web)
        adieu = self.start(self.listener('web', web))
        url = adieu.url('web', '/big')
        self.assertTrue(self.curl(url, url, url) == 3 * self.page)
        self.assertEqual(len(adieu.wait('relay', **harness.CLEAN)), 1)

    def test_a_unix_socket_serves_as_well(self):
        web = f'unix:{self.path("web.sock")}'
        self.nginx(web)
        adieu = self.start(self.listener('web', web))
        self.assert_page(adieu.url('web', '/big'))
        adieu.wait('relay', **harness.CLEAN)

    def test_sessions_with_a_backend_are_resumed_but_not_across_a_reload(self):
        for version in 'TLSv1.2', 'TLSv1.3':
            with self.subTest(tls=version):
                self.check_sessions(version)

    def check_sessions(self, version):
        web = '%s:%d' % harness.free_address()
        self.nginx(f'{web} ssl', f'ssl_protocols {version};',
                   f'ssl_certificate {self.cert}; ssl_certificate_key {self.key};')
        adieu = self.start('[global]\nworkers = 1', self.tls_backend('nginx', web),
                           self.listener('web', 'nginx'))
        for _ in range(3):
            self.assert_page(adieu.url('web', '/big'))
        adieu.process.send_signal(signal.SIGHUP)
        adieu.wait('reload', result='done')
        self.assert_page(adieu.url('web', '/big'))
        relays = adieu.wait('relay', count=4, backend_tls=version)
        self.assertEqual(['backend-resumed' in relay for relay in relays],
                         [False, True, True, False])

    def test_a_backend_that_asks_is_shown_a_certificate(self):
        web = '%s:%d' % harness.free_address()
        self.nginx(f'{web} ssl', f'ssl_certificate {self.cert}; ssl_certificate_key {self.key};',
                   f'ssl_client_certificate {self.cert}; ssl_verify_client on;')
        shown = self.tls_backend('shown', web) + f'cert = {self.cert}\nkey = {self.key}\n'
        adieu = self.start(shown, self.tls_backend('hidden', web), self.listener('web', 'shown'),
                           self.listener('bare', 'hidden'))
        self.assert_page(adieu.url('web', '/big'))
        self.assertIn(b'No required SSL certificate', self.curl(adieu.url('bare', '/big')))

    def test_a_backend_in_tls_proves_itself_and_ends_with_close_notify(self):
        web = '%s:%d' % harness.free_address()
        self.nginx(f'{web} ssl', f'ssl_certificate {self.cert}; ssl_certificate_key {self.key};')
        adieu = self.start(self.tls_backend('nginx', web), self.listener('web', 'nginx'),
                           self.plain_listener('bare', 'nginx'))
        # Only when nginx is the one to end does it say close_notify.
        close = ['--header', 'Connection: close']
        self.assert_page(adieu.url('web', '/big'), *close)
        adieu.wait('relay', listener='web', client_end='close_notify', backend_end='close_notify')
        self.assert_page('http://%s:%d/big' % adieu.address('bare'), *close)
        adieu.wait('relay', listener='bare', client_end='fin', backend_end='close_notify')


class Redis(harness.Checks):

    def setUp(self):
        super().setUp()
        harness.need('redis-server', 'redis-cli', 'redis-benchmark')
        host, port = harness.free_address()
        self.serve(['redis-server', '--bind', host, '--port', str(port), '--save', '',
                    '--appendonly', 'no', '--dir', self.folder, '--protected-mode', 'no'],
                   (host, port))
        self.adieu = self.start(self.listener('redis', f'{host}:{port}'))
        host, port = self.adieu.address('redis')
        self.client = ['-h', host, '-p', str(port), '--tls', '--cacert', self.cert]

    def test_a_value_of_30_mb_goes_in_and_comes_back(self):
        value = os.urandom(15 << 20).hex().encode()
        self.run_program(['redis-cli', *self.client, '-x', 'SET', 'big'], input=value)
        answer = self.run_program(['redis-cli', *self.client, '--raw', 'GET', 'big'])
        self.assertTrue(answer.rstrip(b'\n') == value, 'the value came back changed')
        self.adieu.wait('relay', count=2, listener='redis')

    def test_a_benchmark_of_many_small_requests_loses_none(self):
        answer = self.run_program(['redis-benchmark', *self.client, '-n', '5000', '-c', '50',
                                   '-t', 'set,get', '--csv']).decode()
        self.assertIn('"SET"', answer)
        self.assertIn('"GET"', answer)


class Dovecot(harness.Checks):
    """IMAP: the server speaks first."""

    def setUp(self):
        super().setUp()
        harness.need('dovecot')
        host, port = harness.free_address()
        owner = pwd.getpwuid(os.geteuid() or pwd.getpwnam('nobody').pw_uid)
        for folder in 'run', 'mail':
            os.mkdir(self.path(folder))
        os.chown(self.path('mail'), owner.pw_uid, owner.pw_gid)
        config = pathlib.Path(self.path('dovecot.conf'))
        config.write_text(f'''
            protocols = imap
            listen = {host}
            base_dir = {self.path('run')}
            log_path = /dev/stderr
            ssl = no
            disable_plaintext_auth = no
            mail_location = maildir:{self.path('mail')}
            first_valid_uid = 1
            {self.unprivileged()}
            passdb {{
              driver = static
              args = password=secret
            }}
            userdb {{
              driver = static
              args = uid={owner.pw_uid} gid={owner.pw_gid} home={self.path('mail')}
            }}
            service imap-login {{
              chroot =
              inet_listener imap {{
                port = {port}
              }}
              inet_listener imaps {{
                port = 0
              }}
            }}
            service anvil {{
              chroot =
            }}
            ''')
        self.serve(['dovecot', '-F', '-c', str(config)], (host, port))
        self.adieu = self.start(self.listener('imap', f'{host}:{port}'))
        self.box = 'imaps://localhost:%d/INBOX' % self.adieu.address('imap')[1]

    @staticmethod
    def unprivileged():
        """Dovecot changes to users of its own, which only root can do."""
        if os.geteuid() == 0:
            return ''
        user = pwd.getpwuid(os.geteuid()).pw_name
        group = grp.getgrgid(os.getegid()).gr_name
        return (f'default_internal_user = {user}\ndefault_login_user = {user}\n'
                f'default_internal_group = {group}')

    def test_the_greeting_comes_first_and_4_mb_of_mail_come_back(self):
        mail = b'Subject: big\r\n\r\n' + b'\r\n'.join(
            os.urandom(36).hex().encode() for _ in range(4 << 20 >> 6)) + b'\r\n'
        pathlib.Path(self.path('big')).write_bytes(mail)
        login = ['--user', 'someone:secret']
        self.curl(*login, '--upload-file', self.path('big'), self.box)
        self.assertTrue(self.curl(*login, f'{self.box};MAILINDEX=1') == mail, 'the mail changed')
        self.adieu.wait('relay', count=2, listener='imap', **harness.CLEAN)


if __name__ == '__main__':
    harness.main()
