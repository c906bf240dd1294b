#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Clients that people use, in front of nginx: do both sides part well?"""

import os
import pathlib
import socket
import subprocess

import harness

REQUEST = b'GET /page HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
PAGE = b'a page of no interest\n'


class Clients(harness.Checks):

    def setUp(self):
        super().setUp()
        host, port = harness.free_address()
        web = f'{host}:{port}'
        os.mkdir(self.path('www'))
        pathlib.Path(self.path('www'), 'page').write_bytes(PAGE)
        self.nginx(web, 'dav_methods PUT; client_max_body_size 0; dav_access all:rw;')
        self.adieu = self.start(self.listener('web', web), self.plain_listener('bare', web))

    def test_curl_gets_a_page_and_both_ends_are_clean(self):
        for version in '1.2', '1.3':
            with self.subTest(tls=version):
                page = self.curl(f'--tlsv{version}', '--tls-max', version,
                                 self.adieu.url('web', '/page'))
                self.assertEqual(page, PAGE)
                self.adieu.wait('relay', listener='web', tls=f'TLSv{version}', **harness.CLEAN)

    def test_curl_over_a_plaintext_listener_ends_with_fin_on_both_sides(self):
        url = 'http://%s:%d/page' % self.adieu.address('bare')
        self.assertEqual(self.curl(url), PAGE)
        self.adieu.wait('relay', listener='bare', client_end='fin', backend_end='fin')

    def test_an_upload_by_curl_arrives_whole(self):
        upload = os.urandom(8 << 20)
        self.curl('--upload-file', '-', self.adieu.url('web', '/upload'), input=upload)
        self.assertEqual(pathlib.Path(self.path('www'), 'upload').read_bytes(), upload)
        self.adieu.wait('relay', listener='web', **harness.CLEAN)

    def test_s_client_gets_a_page_and_both_ends_are_clean(self):
        for version in '-tls1_2', '-tls1_3':
            with self.subTest(tls=version):
                answer = self.run_program([*self.s_client(), version], input=REQUEST)
                self.assertTrue(answer.endswith(PAGE), answer)
        self.adieu.wait('relay', count=2, listener='web', first='backend', **harness.CLEAN)

    def test_gnutls_cli_gets_a_page_and_both_ends_are_clean(self):
        harness.need('gnutls-cli')
        # If the server were first to end, gnutls-cli might leave without a word.
        request = b'GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n'
        for version in '1.2', '1.3':
            with self.subTest(tls=version):
                answer = self.run_program(
                    [*self.gnutls_cli(), '--priority', f'NORMAL:-VERS-ALL:+VERS-TLS{version}'],
                    input=request)
                self.assertIn(PAGE, answer)
        self.adieu.wait('relay', count=2, listener='web', **harness.CLEAN)

    def test_an_s_client_that_is_killed_is_no_clean_end_for_the_backend(self):
        with socket.create_server(('127.0.0.1', 0)) as listening:
            listening.settimeout(harness.PATIENCE)
            adieu = self.start(self.listener('raw', '127.0.0.1:%d' % listening.getsockname()[1]))
            client = subprocess.Popen(self.s_client(adieu, 'raw'), stdin=subprocess.PIPE,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            with client.stdin:
                client.stdin.write(b'half a mess')
                client.stdin.flush()
                backend, _ = listening.accept()
                backend.settimeout(harness.PATIENCE)
                self.assertEqual(self.receive(backend, 11), b'half a mess')
                client.kill()
                client.wait()
            with backend, self.assertRaises(ConnectionResetError):
                backend.recv(1)
            adieu.wait('truncation', listener='raw', side='client', action='reset')
            adieu.wait('relay', listener='raw', client_end='truncated')

    @staticmethod
    def receive(sock, length):
        data = b''
        while len(data) < length:
            data += sock.recv(length - len(data))
        return data

    def s_client(self, adieu=None, listener='web'):
        host, port = (adieu or self.adieu).address(listener)
        return ['openssl', 's_client', '-quiet', '-connect', f'{host}:{port}', '-CAfile', self.cert,
                '-verify_return_error', '-verify_hostname', 'localhost']

    def gnutls_cli(self):
        host, port = self.adieu.address('web')
        return ['gnutls-cli', '--x509cafile', self.cert, '--port', str(port), host]


if __name__ == '__main__':
    harness.main()
