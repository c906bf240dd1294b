#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""adieu --explain says what a configuration comes to, and where each value is from."""

import pathlib
import subprocess

import harness


class Explain(harness.Checks):

    def explain(self, *lines):
        """Status, what was explained, and what was complained about."""
        path = self.path('explained.ini')
        pathlib.Path(path).write_text('\n'.join(lines) + '\n')
        done = subprocess.run([harness.ADIEU, '--explain', '-c', path], capture_output=True,
                              text=True, check=False, timeout=harness.PATIENCE)
        return done.returncode, done.stdout, done.stderr

    def explain_tls(self, *more):
        status, text, errors = self.explain(
            '[defaults]', 'idle-timeout = 2h', '[listener:a]', 'bind = 127.0.0.1:0',
            f'cert = {self.cert}', f'key = {self.key}', 'backend = 127.0.0.1:1', *more)
        self.assertEqual((status, errors), (0, ''))
        return text

    def assert_line(self, text, *words):
        self.assertIn(list(words), [line.split() for line in text.splitlines()], text)

    def test_each_value_has_its_origin(self):
        text = self.explain_tls('close = fast', '[listener:b]', 'mode = tcp',
                                'bind = 127.0.0.1:0', 'backend = app',
                                '[backend:app]', 'server = 127.0.0.1:1', 'server = 127.0.0.1:2')
        self.assert_line(text, '[listener:a]', 'line', '3')
        self.assert_line(text, 'idle-timeout', '2h', '[defaults],', 'line', '2')
        self.assert_line(text, 'close', 'fast', 'line', '8')
        self.assert_line(text, 'close-timeout', '10s', 'default')
        self.assert_line(text, 'server', '127.0.0.1:1', 'line', '14')
        self.assert_line(text, '127.0.0.1:2', 'line', '15')
        # What is of no use without TLS is not shown there.
        plain = text.partition('[listener:b]')[2].partition('[backend:app]')[0]
        self.assertNotIn('tls-min', plain)
        self.assertNotIn('grade', plain)

    def test_the_certificate_and_its_names_are_shown(self):
        text = self.explain_tls()
        self.assert_line(text, 'for', 'localhost')
        self.assertIn('key      ECDSA, 256 bits, prime256v1; signed with ecdsa-with-SHA256', text)
        self.assert_line(text, 'staple', 'none')
        self.assert_line(text, 'chain', '1', 'certificate')
        self.assertRegex(text, r'expires: 20\d\d-')
        self.assert_line(text, 'localhost', self.cert)
        self.assert_line(text, '(others,', 'none)', self.cert)
        self.assert_line(self.explain_tls('unknown-sni = reject'), '(others)', 'refused')

    def test_a_listener_with_routes_tells_where_each_name_leads(self):
        text = self.explain_tls(
            'client-auth = optional', f'client-ca = {self.cert}', '[backend:app]',
            'server = 127.0.0.1:2', '[route:admin]', 'listener = a',
            'sni = admin.test, localhost', 'sni = *.admin.test', 'backend = app',
            'client-auth = no', '[route:rest]', 'listener = a', 'sni = rest.test')
        names = text.partition('\n  names\n')[2].partition('\n  grade')[0].split('\n')
        self.assertEqual([line.split() for line in names[::2]],
                         [[name, self.cert, '(line', '5)'] for name in
                          ('*.admin.test', 'admin.test', 'localhost', 'rest.test')]
                         + [['(others,', 'none)', self.cert, '(line', '5)']])
        admin = 'backend app (line 16), client-auth no (line 17)'
        rest = 'backend 127.0.0.1:1 (line 7), client-auth optional (line 8)'
        self.assertEqual([line.strip() for line in names[1::2]], [
            f'route admin (line 15), {admin}', f'route admin (line 14), {admin}',
            f'route admin (line 14), {admin}', f'route rest (line 20), {rest}',
            f'no route, {rest}'])
        self.assertIn('not_for_route: no certificate is for admin.test of [route:admin]', text)
        self.assert_line(text, '[route:rest]', 'line', '18')
        self.assert_line(text, '*.admin.test', 'line', '15')
        self.assert_line(text, 'client-depth', '-', 'as', 'the', 'listener', 'has', 'it')

    def test_names_that_lead_nowhere_are_said_to_be_refused(self):
        status, text, errors = self.explain(
            '[listener:a]', 'bind = 127.0.0.1:0', f'cert = {self.cert}', f'key = {self.key}',
            'unknown-sni = reject', '[route:r]', 'listener = a', 'sni = r.test',
            'backend = 127.0.0.1:1')
        self.assertEqual((status, errors), (0, ''))
        self.assertIn('r.test                       refused: no certificate is for it', text)
        self.assertIn('localhost                    refused: there is no backend for it', text)
        self.assertIn('(others, none)               refused: there is no backend for it', text)

    def grade(self, *more):
        """The grade, and what keeps it from better ones."""
        lines = [line.strip() for line in
                 self.explain_tls(*more).partition("Mozilla's profiles\n")[2].splitlines()]
        grade, _, difference = lines[0].partition(', but that ')
        self.assertEqual(difference, '' if grade == 'none of them' else
                         "our order of ciphers counts, not the client's")
        return grade, lines[1:]

    def test_the_grade_is_told_with_what_is_wrong(self):
        grade, reasons = self.grade()
        self.assertEqual(grade, 'intermediate')
        self.assertIn('not modern: TLS 1.2 is spoken', reasons)
        self.assertEqual(self.grade('tls-policy = modern'), ('modern', []))
        self.assertEqual(self.grade('tls-min = 1.3'), ('modern', []))
        for policy in 'intermediate', 'custom':
            self.assertEqual(self.grade(f'tls-policy = {policy}'), (grade, reasons))
        for cipher in 'ECDHE-ECDSA-AES128-SHA', 'DHE-RSA-AES128-GCM-SHA256':
            grade, reasons = self.grade(f'ciphers = ECDHE+AESGCM:{cipher}')
            self.assertEqual(grade, 'none of them')
            self.assertIn(f'not intermediate: {cipher} is enabled', reasons)
        grade, reasons = self.grade('groups = X25519:P-521')
        self.assertEqual(grade, 'none of them')
        self.assertIn('not intermediate: P-521 is among the groups', reasons)

    def test_a_certificate_that_is_valid_for_long_is_told(self):
        for days, grade, complaints in ((90, 'modern', []),
                                        (91, 'intermediate', ['modern: valid for more than 90']),
                                        (366, 'intermediate', ['modern: valid for more than 90']),
                                        (367, 'none of them', ['modern: valid for more than 90',
                                                               'intermediate: valid for more '
                                                               'than 366'])):
            with self.subTest(days=days):
                self.make_certificate_of('-days', str(days))
                expected = [f'not {profile}: {self.cert} is {why} days' for profile, why in
                            (complaint.split(': ') for complaint in complaints)]
                self.assertEqual(self.grade('tls-min = 1.3'), (grade, expected))

    def test_a_staple_is_missed_where_there_is_one_to_be_had(self):
        self.make_certificate_of('-days', '2', '-addext',
                                 'authorityInfoAccess=OCSP;URI:http://ocsp.test')
        grade, reasons = self.grade('tls-min = 1.3')
        self.assertEqual(grade, 'none of them')
        self.assertIn(f'not modern: {self.cert} has no staple, and its authority gives one',
                      reasons)

    def make_certificate_of(self, *options):
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
             '-nodes', '-keyout', self.key, '-out', self.cert, '-subj', '/CN=localhost',
             *options], check=True, capture_output=True)

    def test_an_rsa_key_is_not_modern(self):
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', self.key,
             '-out', self.cert, '-days', '2', '-subj', '/CN=localhost'],
            check=True, capture_output=True)
        grade, reasons = self.grade('tls-min = 1.3')
        self.assertEqual(grade, 'intermediate')
        self.assertIn(f'not modern: {self.cert} has an RSA key', reasons)

    def test_what_a_policy_decides_is_said_to_be_its(self):
        text = self.explain_tls('tls-policy = modern')
        self.assert_line(text, 'tls-min', '1.3', 'tls-policy')
        self.assert_line(text, 'protocols', 'TLS', '1.3')

    def test_errors_are_told_as_by_check(self):
        status, text, errors = self.explain('[listener:a]', 'bnd = 127.0.0.1:0')
        self.assertEqual((status, text), (1, ''))
        self.assertIn(':2: [listener:a] bnd: unknown key; is "bind" meant?', errors)
        pathlib.Path(self.key).write_text('no key\n')
        status, text, errors = self.explain('[listener:a]', 'bind = 127.0.0.1:0',
                                            f'cert = {self.cert}', f'key = {self.key}',
                                            'backend = 127.0.0.1:1')
        self.assertEqual(status, 1)
        self.assertIn('holds no private key', errors)


if __name__ == '__main__':
    harness.main()
