#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Clients that people use show certificates: who comes in, and what the others are told.

The configuration is the example for it.
"""

import pathlib
import re
import signal
import subprocess

import harness

EXAMPLE = harness.SOURCE / 'conf' / 'examples' / 'client-certificates.ini'
REQUEST = b'GET /page HTTP/1.0\r\n\r\n'
PAGE = b'a page of no interest\n'
VERSIONS = '1.2', '1.3'

# What OpenSSL and GnuTLS call the alerts, by number.
ALERTS = {
    40: ('handshake failure', '[40]'),
    44: ('certificate revoked', '[44]'),
    48: ('unknown ca', '[48]'),
    49: ('access denied', '[49]'),
    116: ('certificate required', '[116]'),
}
REFUSED = {
    'unlisted': (49, 'not_allowed'),
    'revoked': (44, 'revoked'),
    'unknown': (48, 'unknown_ca'),
    None: (None, 'none'),
}


class ClientCertificates(harness.Checks):

    def setUp(self):
        super().setUp()
        self.make_authority('ca')
        self.make_authority('elsewhere')
        self.make_client('web', 'ca', 'URI:spiffe://example.org/ns/prod/sa/web')
        self.make_client('backup', 'ca', 'DNS:backup.example.org')
        self.make_client('unlisted', 'ca', 'DNS:web.example.org')
        self.make_client('revoked', 'ca', 'DNS:backup.example.org')
        self.make_client('unknown', 'elsewhere', 'DNS:backup.example.org')
        self.make_crl('ca', 'ca.crl', '20991231235959Z', 'revoked')
        host, port = harness.free_address()
        pathlib.Path(self.path('www')).mkdir()
        pathlib.Path(self.path('www'), 'page').write_bytes(PAGE)
        self.nginx(f'{host}:{port}')
        self.adieu = self.start(self.example(f'{host}:{port}'))

    def example(self, backend):
        """It listens here, and finds its files in our folder."""
        text = EXAMPLE.read_text()
        for was, now in {':5433': '127.0.0.1:0', '127.0.0.1:5432': backend,
                         '/etc/adieu/fullchain.pem': self.cert,
                         '/etc/adieu/privkey.pem': self.key,
                         '/etc/adieu/clients-ca.pem': self.path('ca.pem'),
                         '/etc/adieu/clients.crl': self.path('ca.crl')}.items():
            self.assertIn(f'= {was}\n', text)
            text = text.replace(f'= {was}\n', f'= {now}\n')
        return text

    # ---- certificates ----

    def openssl(self, *arguments):
        subprocess.run(['openssl', *arguments], check=True, capture_output=True,
                       cwd=self.folder)

    def make_request(self, name, *arguments):
        self.openssl('req', *arguments, '-newkey', 'ec', '-pkeyopt',
                     'ec_paramgen_curve:P-256', '-nodes', '-keyout', f'{name}.key',
                     '-subj', f'/O=Example/CN={name}')

    def make_authority(self, name):
        self.make_request(name, '-x509', '-out', f'{name}.pem', '-days', '2')

    def make_client(self, name, issuer, names):
        pathlib.Path(self.path(f'{name}.ext')).write_text(
            f'subjectAltName = {names}\nextendedKeyUsage = clientAuth\n')
        self.make_request(name, '-out', f'{name}.csr')
        self.openssl('x509', '-req', '-in', f'{name}.csr', '-CA', f'{issuer}.pem',
                     '-CAkey', f'{issuer}.key', '-CAcreateserial', '-out', f'{name}.pem',
                     '-days', '1', '-extfile', f'{name}.ext')

    def make_crl(self, issuer, name, until, revoked=None):
        pathlib.Path(self.path('ca.cnf')).write_text(
            '[ca]\ndefault_ca = this\n[this]\ndatabase = index.txt\ndefault_md = sha256\n')
        pathlib.Path(self.path('index.txt')).touch()
        ca = ('ca', '-config', 'ca.cnf', '-cert', f'{issuer}.pem', '-keyfile', f'{issuer}.key')
        if revoked is not None:
            self.openssl(*ca, '-revoke', f'{revoked}.pem')
        self.openssl(*ca, '-gencrl', '-crl_lastupdate', '20200101000000Z', '-crl_nextupdate',
                     until, '-out', name)

    # ---- clients: the command, what it reads, and which of the names of an alert it uses ----

    def curl_as(self, name, version):
        command = ['curl', '--silent', '--show-error', '--ipv4', '--noproxy', '*', '--cacert',
                   self.cert, f'--tlsv{version}', '--tls-max', version,
                   self.adieu.url('postgres', '/page')]
        if name is not None:
            command += ['--cert', self.path(f'{name}.pem'), '--key', self.path(f'{name}.key')]
        return command, b'', 0

    def s_client_as(self, name, version):
        host, port = self.adieu.address('postgres')
        command = ['openssl', 's_client', '-quiet', '-connect', f'{host}:{port}', '-CAfile',
                   self.cert, '-tls' + version.replace('.', '_')]
        if name is not None:
            command += ['-cert', self.path(f'{name}.pem'), '-key', self.path(f'{name}.key')]
        return command, REQUEST, 0

    def gnutls_cli_as(self, name, version):
        host, port = self.adieu.address('postgres')
        command = ['gnutls-cli', '--x509cafile', self.cert, '--port', str(port), '--priority',
                   f'NORMAL:-VERS-ALL:+VERS-TLS{version}', host]
        if name is not None:
            command += ['--x509certfile', self.path(f'{name}.pem'),
                        '--x509keyfile', self.path(f'{name}.key')]
        return command, REQUEST, 1

    def clients(self):
        harness.need('curl', 'gnutls-cli')
        for start in self.curl_as, self.s_client_as, self.gnutls_cli_as:
            for version in VERSIONS:
                yield start, version

    def run_client(self, command, said):
        return subprocess.run(command, input=said, capture_output=True, check=False,
                              timeout=2 * harness.PATIENCE)

    # ---- checks ----

    def test_whoever_is_on_the_list_comes_in_and_is_in_the_log(self):
        for name, known_as in (('web', 'uri:spiffe://example.org/ns/prod/sa/web'),
                               ('backup', 'dns:backup.example.org')):
            for count, (start, version) in enumerate(self.clients(), 1):
                with self.subTest(name=name, client=start.__name__, tls=version):
                    command, said, _ = start(name, version)
                    self.assertIn(PAGE, self.run_client(command, said).stdout)
                    self.adieu.wait('relay', count=count, client_cert=f'CN={name},O=Example',
                                    client_name=known_as)

    def test_whoever_is_not_is_told_why(self):
        for name, (alert, cause) in REFUSED.items():
            for start, version in self.clients():
                with self.subTest(name=name, client=start.__name__, tls=version):
                    self.expect_refusal(start, version, name, alert, cause)
        self.assertEqual(self.adieu.found('relay', {}), [])

    def test_a_list_that_is_out_of_date_is_told_before_and_refuses(self):
        self.make_crl('ca', 'ca.crl', '20200102000000Z')
        self.adieu.process.send_signal(signal.SIGHUP)
        self.adieu.wait('certificate', level='warning', listener='postgres',
                        file=self.path('ca.crl'), problem='crl_expired',
                        detail='2020-01-02T00:00:00Z /O=Example/CN=ca')
        self.adieu.wait('reload', result='done')
        status, said = self.check()
        self.assertEqual(status, 0, said)
        self.assertIn(f'warning: {self.path("ca.crl")}: crl_expired: 2020-01-02T00:00:00Z', said)
        for start, version in self.clients():
            command, request, _ = start('web', version)
            self.assertNotEqual(self.run_client(command, request).returncode, 0)
        self.adieu.wait('handshake', count=6, cause='client_certificate:crl_expired')

    def test_files_that_cannot_be_used_are_told(self):
        for name, content, reason in (
                ('ca.pem', 'web.pem', 'holds a certificate that is no authority\'s (CA:TRUE)'),
                ('ca.pem', 'ca.crl', 'holds no certificate'),
                ('ca.crl', 'elsewhere.pem', 'holds no CRL')):
            with self.subTest(name=name, content=content):
                good = pathlib.Path(self.path(name)).read_bytes()
                pathlib.Path(self.path(name)).write_bytes(
                    pathlib.Path(self.path(content)).read_bytes())
                status, said = self.check()
                pathlib.Path(self.path(name)).write_bytes(good)
                self.assertEqual(status, 1, said)
                key = 'client-crl' if name.endswith('crl') else 'client-ca'
                self.assertRegex(said, f':[0-9]+: \\[listener:postgres\\] {key}: '
                                 + re.escape(f'{self.path(name)}: {reason}\n'))

    def check(self):
        done = subprocess.run([harness.ADIEU, '--check', '-c', self.path('adieu.conf')],
                              capture_output=True, text=True, check=False,
                              timeout=harness.PATIENCE)
        return done.returncode, done.stdout + done.stderr

    def expect_refusal(self, start, version, name, alert, cause):
        command, said, kind = start(name, version)
        if alert is None:
            alert = 116 if version == '1.3' else 40
        before = len(self.adieu.found('handshake', {}))
        done = self.run_client(command, said)
        heard = (done.stdout + done.stderr).decode(errors='replace')
        self.assertNotEqual(done.returncode, 0, heard)
        self.assertIn(ALERTS[alert][kind], heard)
        last = self.adieu.wait('handshake', count=before + 1)[-1]
        self.assertEqual(last['cause'], f'client_certificate:{cause}')
        if cause != 'none':
            self.assertEqual(last['client-cert'], f'CN={name},O=Example')


if __name__ == '__main__':
    harness.main()
