#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Clients that people use ask for a staple, and believe the one they get."""

import pathlib
import shutil
import signal
import subprocess

import harness

VERSIONS = '1.2', '1.3'


class Stapling(harness.Checks):

    def setUp(self):
        super().setUp()
        backend = harness.EchoBackend()
        self.addCleanup(backend.stop)
        self.backend = backend.address

    def make_certificate(self):
        """Of an authority that can be asked about it, and that answers."""
        harness.need('openssl')
        self.cert, self.key = self.path('cert.pem'), self.path('key.pem')
        self.authority = self.path('ca.pem')
        pathlib.Path(self.path('names')).write_text('subjectAltName=DNS:localhost,IP:127.0.0.1\n')
        self.openssl('req', '-x509', *self.new_key('ca.key'), '-out', self.authority,
                     '-days', '2', '-subj', '/CN=A responsible authority')
        self.openssl('req', *self.new_key('key.pem'), '-subj', '/CN=localhost',
                     '-out', self.path('request'))
        self.openssl('x509', '-req', '-in', self.path('request'), '-CA', self.authority,
                     '-CAkey', self.path('ca.key'), '-set_serial', '0x1234', '-days', '2',
                     '-extfile', self.path('names'), '-out', self.cert)
        with open(self.cert, 'a', encoding='ascii') as chain:
            chain.write(pathlib.Path(self.authority).read_text(encoding='ascii'))

    def new_key(self, name):
        return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                '-keyout', self.path(name)]

    @staticmethod
    def openssl(*arguments):
        subprocess.run(['openssl', *arguments], check=True, capture_output=True)

    def staple(self, status='V'):
        """V: valid, R: revoked."""
        revoked = '250101000000Z' if status == 'R' else ''
        pathlib.Path(self.path('index')).write_text(
            f'{status}\t991231235959Z\t{revoked}\t1234\tunknown\t/CN=localhost\n')
        self.openssl('ocsp', '-index', self.path('index'), '-rsigner', self.authority,
                     '-rkey', self.path('ca.key'), '-CA', self.authority, '-issuer', self.authority,
                     '-cert', self.cert, '-ndays', '1', '-respout', self.path('new'))
        shutil.move(self.path('new'), self.cert + '.ocsp')

    def s_client(self, adieu, version):
        host, port = adieu.address('web')
        return self.run_program(['openssl', 's_client', '-status', '-connect', f'{host}:{port}',
                                 '-CAfile', self.authority, '-verify_return_error',
                                 '-tls' + version.replace('.', '_')]).decode(errors='replace')

    def test_s_client_sees_what_the_authority_says(self):
        self.staple()
        adieu = self.start(self.listener('web', self.backend))
        adieu.wait('certificates', staples='1')
        for version in VERSIONS:
            with self.subTest(tls=version):
                answer = self.s_client(adieu, version)
                self.assertIn('OCSP Response Status: successful', answer)
                self.assertIn('Cert Status: good', answer)
        self.staple('R')
        adieu.process.send_signal(signal.SIGHUP)
        adieu.wait('certificate', problem='revoked')
        adieu.wait('reload', result='done')
        for version in VERSIONS:
            with self.subTest(tls=version):
                self.assertIn('Cert Status: revoked', self.s_client(adieu, version))

    def test_s_client_is_told_when_there_is_none(self):
        adieu = self.start(self.listener('web', self.backend))
        for version in VERSIONS:
            with self.subTest(tls=version):
                self.assertIn('OCSP response: no response sent', self.s_client(adieu, version))

    def curl_status(self, adieu, version):
        harness.need('curl')
        host, port = adieu.address('web')
        return subprocess.run(
            ['curl', '--silent', '--show-error', '--cert-status', '--cacert', self.authority,
             '--connect-timeout', str(harness.PATIENCE), '--max-time', str(harness.PATIENCE),
             f'--tlsv{version}', '--tls-max', version, '--output', '/dev/null',
             '--resolve', f'localhost:{port}:{host}', f'https://localhost:{port}/'],
            capture_output=True, text=True, check=False, timeout=2 * harness.PATIENCE)

    def test_curl_insists_on_one_and_is_content(self):
        host, port = harness.free_address()
        self.nginx(f'{host}:{port}')
        pathlib.Path(self.path('www'), 'index.html').write_text('welcome\n')
        adieu = self.start(self.listener('web', f'{host}:{port}'))
        without = self.curl_status(adieu, '1.3')
        self.assertEqual(without.returncode, 91, without.stderr)      # CURLE_SSL_INVALIDCERTSTATUS
        self.staple()
        adieu.process.send_signal(signal.SIGHUP)
        adieu.wait('reload', result='done')
        for version in VERSIONS:
            with self.subTest(tls=version):
                done = self.curl_status(adieu, version)
                self.assertEqual(done.returncode, 0, done.stderr)
        self.staple('R')
        adieu.process.send_signal(signal.SIGHUP)
        adieu.wait('reload', count=2, result='done')
        for version in VERSIONS:
            with self.subTest(tls=version):
                self.assertEqual(self.curl_status(adieu, version).returncode, 91)

    def test_gnutls_cli_believes_it(self):
        harness.need('gnutls-cli')
        self.staple()
        adieu = self.start(self.listener('web', self.backend))
        host, port = adieu.address('web')
        for version in VERSIONS:
            with self.subTest(tls=version):
                answer = self.run_program(
                    ['gnutls-cli', '--x509cafile', self.authority, '--port', str(port),
                     '--verify-hostname=localhost', '--priority',
                     f'NORMAL:-VERS-ALL:+VERS-TLS{version}', host],
                    input=b'hello\n').decode(errors='replace')
                self.assertIn('The certificate is trusted', answer)
                self.assertIn('OCSP status request', answer)


if __name__ == '__main__':
    harness.main()
