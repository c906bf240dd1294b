#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""curl comes out where the name that it asks for leads, and shows what is asked for there.

The configuration is the example for it.
"""

import pathlib
import subprocess

import harness

EXAMPLE = harness.SOURCE / 'conf' / 'examples' / 'names-and-staff.ini'
VERSIONS = '1.2', '1.3'


class Routes(harness.Checks):

    def setUp(self):
        super().setUp()
        pathlib.Path(self.path('certs')).mkdir()
        self.make_authority('ca')
        self.make_authority('staff-ca')
        self.issue('site', 'ca', 'DNS:www.example.com,DNS:new.example.com,DNS:api.example.com')
        self.issue('certs/admin', 'ca', 'DNS:admin.example.com,DNS:*.admin.example.com')
        self.issue('internal', 'ca', 'DNS:api.internal')
        self.issue('staff', 'staff-ca', 'DNS:someone.example.com')
        self.issue('other', 'ca', 'DNS:someone.example.com')
        self.cert = self.path('ca.pem')
        self.adieu = self.start(self.example(
            site=self.serve_word('site'), staff=self.serve_word('staff'),
            api=self.serve_word('api', ' ssl', f'ssl_certificate {self.path("internal.pem")};',
                                f'ssl_certificate_key {self.path("internal.pem")};')))

    def example(self, site, staff, api):
        """It listens here, and finds its files and backends at ours."""
        text = EXAMPLE.read_text().replace('/etc/adieu/internal-ca.pem', self.path('ca.pem'))
        for was, now in {':443': '127.0.0.1:0', '127.0.0.1:8080': site, '127.0.0.1:9000': staff,
                         '10.0.0.7:8443': api}.items():
            self.assertIn(f'= {was}\n', text)
            text = text.replace(f'= {was}\n', f'= {now}\n')
        return text.replace('/etc/adieu', self.folder)

    def serve_word(self, word, how='', *directives):
        """nginx that says who it is, and which host it was asked for."""
        host, port = harness.free_address()
        self.nginx(f'{host}:{port}{how}', *directives,
                   f'location / {{ return 200 "{word} $http_host"; }}')
        return f'{host}:{port}'

    # ---- certificates ----

    def openssl(self, *arguments):
        subprocess.run(['openssl', *arguments], check=True, capture_output=True,
                       cwd=self.folder)

    def make_request(self, name, subject, *arguments):
        self.openssl('req', *arguments, '-newkey', 'ec', '-pkeyopt',
                     'ec_paramgen_curve:P-256', '-nodes', '-keyout', f'{name}.key',
                     '-subj', f'/CN={subject}')

    def make_authority(self, name):
        self.make_request(name, name, '-x509', '-out', f'{name}.pem', '-days', '2')

    def issue(self, name, issuer, names):
        """A combined file, which only we may read."""
        pathlib.Path(self.path('extensions')).write_text(f'subjectAltName = {names}\n')
        self.make_request(name, pathlib.Path(name).name, '-out', 'request')
        self.openssl('x509', '-req', '-in', 'request', '-CA', f'{issuer}.pem', '-CAkey',
                     f'{issuer}.key', '-CAcreateserial', '-out', f'{name}.pem', '-days', '30',
                     '-extfile', 'extensions')
        certificate = pathlib.Path(self.path(f'{name}.pem'))
        key = pathlib.Path(self.path(f'{name}.key'))
        certificate.write_text(certificate.read_text() + key.read_text())
        certificate.chmod(0o600)
        key.unlink()

    # ---- curl ----

    def command(self, name, version, *more):
        host, port = self.adieu.address('https')
        return ['--resolve', f'{name}:{port}:{host}', f'--tlsv{version}', '--tls-max', version,
                *more, f'https://{name}:{port}/']

    def ask(self, name, version, *more):
        """What it gets, without the port of the host."""
        return self.curl(*self.command(name, version, *more)).decode().partition(':')[0]

    def refused(self, name, version, *more):
        done = subprocess.run(['curl', '--silent', '--show-error', '--cacert', self.cert,
                               '--noproxy', '*', *self.command(name, version, *more)],
                              capture_output=True, text=True, check=False,
                              timeout=harness.PATIENCE)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        return done.stderr

    # ---- checks ----

    def test_a_name_leads_to_its_backend(self):
        for version in VERSIONS:
            with self.subTest(tls=version):
                self.assertEqual(self.ask('www.example.com', version), 'site www.example.com')
                self.assertEqual(self.ask('new.example.com', version), 'site new.example.com')
                self.assertEqual(self.ask('api.example.com', version), 'api api.example.com')
        self.adieu.wait('relay', count=2, listener='https', route='api', sni='api.example.com')
        for event in self.adieu.wait('relay', count=2, sni='www.example.com'):
            self.assertNotIn('route', event)

    def test_staff_has_to_show_who_it_is(self):
        for version in VERSIONS:
            for name in 'admin.example.com', 'db.admin.example.com':
                with self.subTest(tls=version, name=name):
                    self.assertEqual(self.ask(name, version, '--cert', self.path('staff.pem')),
                                     f'staff {name}')
                    self.refused(name, version)
                    self.refused(name, version, '--cert', self.path('other.pem'))
        self.adieu.wait('relay', count=4, route='staff', client_cert='CN=staff')
        for cause in 'none', 'unknown_ca':
            self.adieu.wait('handshake', count=4, route='staff',
                            cause=f'client_certificate:{cause}')
        self.assertEqual(len(self.adieu.found('relay', {})), 4)

    def test_the_name_decides_and_not_the_host(self):
        for version in VERSIONS:
            said = self.ask('www.example.com', version, '-H', 'Host: admin.example.com')
            self.assertEqual(said, 'site admin.example.com')

    def test_the_staffs_names_have_their_own_certificate(self):
        shown = {}
        for name in 'www.example.com', 'admin.example.com':
            host, port = self.adieu.address('https')
            done = subprocess.run(['openssl', 's_client', '-connect', f'{host}:{port}',
                                   '-servername', name], input=b'', capture_output=True,
                                  check=False, timeout=harness.PATIENCE)
            shown[name] = done.stdout.partition(b'subject=')[2].partition(b'\n')[0].strip()
        self.assertEqual(shown, {'www.example.com': b'CN = site',
                                 'admin.example.com': b'CN = admin'})


if __name__ == '__main__':
    harness.main()
