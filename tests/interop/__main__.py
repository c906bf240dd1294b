# SPDX-License-Identifier: ISC
"""Do the TLS libraries of this world and adieu understand each other?

python3 tests/interop FOLDER [NAME...], with ADIEU in the environment; FOLDER
keeps the clients that are compiled. Each client of libraries.py, in TLS 1.2 and
1.3, has to get what was sent, see a clean end where there was one and none
where there was not. Quiet while all is well; ends with "N passed, M failed".
"""

import fcntl
import hashlib
import io
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / 'programs')]
sys.dont_write_bytecode = True

import authority        # noqa: E402
import libraries        # noqa: E402
import harness          # noqa: E402

VERSIONS = '1.2', '1.3'
LENGTH = 1 << 20
CONTENT = hashlib.shake_256(b'adieu').digest(LENGTH)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
HEADER = b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n'


class Backend:
    """Answers "down N" with N bytes and a clean end, "cut N" with N bytes and a RST.

    Asked in HTTP it answers in HTTP, without a length: only the end tells.
    """

    def __init__(self):
        self.n_accepted = 0
        self.listening = socket.create_server(('127.0.0.1', 0))
        self.address = '127.0.0.1:%d' % self.listening.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            self.n_accepted += 1
            threading.Thread(target=self.attend, args=(connection,), daemon=True).start()

    def attend(self, connection):
        with connection:
            connection.settimeout(harness.PATIENCE)
            try:
                self.answer(connection)
            except OSError:
                pass            # the log of adieu says what that was

    @staticmethod
    def answer(connection):
        asked = b''
        while b'\n' not in asked:
            data = connection.recv(4096)
            if not data:
                return
            asked += data
        wanted = re.search(rb'(down|cut)[ /](\d+)', asked)
        if wanted is None:
            connection.sendall(HEADER)
            return
        verb, length = wanted.groups()
        if asked.startswith(b'GET'):
            while b'\r\n\r\n' not in asked:
                asked += connection.recv(4096)
            connection.sendall(HEADER)
        connection.sendall(CONTENT[:int(length)])
        if verb == b'cut':
            # Not before all of it has gone: a RST takes with it what has not.
            harness.wait_until(lambda: Backend.unsent(connection) == 0, 'acknowledgements')
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                  struct.pack('ii', 1, 0))
            return
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass

    @staticmethod
    def unsent(connection):
        return struct.unpack('i', fcntl.ioctl(connection, termios.TIOCOUTQ, b'\0' * 4))[0]

    def stop(self):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()


class World(harness.Checks):
    """An authority, a backend, and adieu between it and whoever comes."""

    @classmethod
    def setUpClass(cls):
        cls.issued = tempfile.TemporaryDirectory(prefix='adieu-')
        cls.addClassCleanup(cls.issued.cleanup)
        cls.authority = authority.Authority(cls.issued.name)
        cls.ecdsa = cls.authority.issue('ecdsa', 'server')
        cls.rsa = cls.authority.issue('rsa', 'server', authority.RSA)
        cls.issue_to_clients()

    @classmethod
    def issue_to_clients(cls):
        """One that is good, and one for each way not to be."""
        ours, foreign = cls.authority, authority.Authority(cls.issued.name, 'foreign')
        cls.shown = {
            'good': ours.issue('good', 'client'),
            'expired': ours.issue('expired', 'client', dates=authority.LONG_AGO),
            'revoked': ours.issue('revoked', 'client'),
            'purpose': cls.ecdsa,
            'unknown_ca': foreign.issue('unknown_ca', 'client'),
        }
        ours.revoke(cls.shown['revoked'][0])
        cls.crl = ours.make_crl()

    def setUp(self):
        super().setUp()
        self.backend = Backend()
        self.addCleanup(self.backend.stop)

    def adieu_with(self, *keys, pair=None):
        self.cert, self.key = pair or self.ecdsa
        # OpenSSL's record layer has met these libraries before; ours has all to do here.
        self.adieu = self.start(self.listener('web', self.backend.address,
                                              'record-layer = own', *keys))

    def talk(self, client, request, version, name='localhost', **more):
        host, port = self.adieu.address('web')
        return client.talk(host=host, port=port, name=name, ca=self.authority.ca,
                           version=version, request=request, **more)


class Client:
    """The checks that every client has to pass; its classes are made below."""

    client = None

    def test_what_was_sent_arrives_and_ends_well(self):
        for kind in 'ecdsa', 'rsa':
            self.adieu_with(pair=getattr(self, kind))
            for version in VERSIONS:
                with self.subTest(tls=version, key=kind):
                    said, = self.talk(self.client, f'down {LENGTH}', version)
                    self.expect_content(said)
                    relay = self.adieu.wait('relay', tls=f'TLSv{version}', backend_end='fin',
                                            records='own',
                                            down=str(LENGTH + self.client.header))[-1]
                    self.assertEqual(relay['client-end'], self.client.leaves)
                    if version == '1.2':
                        self.assertIn(kind.upper(), relay['cipher'])

    def test_what_was_cut_is_no_clean_end(self):
        self.adieu_with()
        for version in VERSIONS:
            with self.subTest(tls=version):
                said, = self.talk(self.client, f'cut {LENGTH}', version)
                self.assertIn(said['end'], ('truncated', 'error'), said)
                self.adieu.wait('relay', tls=f'TLSv{version}', backend_end='reset')

    def test_a_session_is_resumed(self):
        self.adieu_with()
        for version in self.client.resumes:
            with self.subTest(tls=version):
                for said in self.talk(self.client, f'down {LENGTH}', version, times=2):
                    self.expect_content(said)
                self.adieu.wait('relay', tls=f'TLSv{version}', resumed='yes')

    def test_a_protocol_is_agreed_on(self):
        if not self.client.offers:
            self.skipTest('it cannot be told to offer any')
        self.adieu_with('alpn = h2, http/1.1')
        for version in VERSIONS:
            with self.subTest(tls=version):
                said, = self.talk(self.client, f'down {LENGTH}', version, alpn='http/1.1,h2')
                self.expect_content(said)
                self.adieu.wait('relay', tls=f'TLSv{version}', alpn='h2')

    def show(self, what, version, **more):
        """What comes of a client that shows that certificate; None: none."""
        if what is not None:
            cert, key = self.shown[what]
            more |= {'cert': cert, 'key': key, 'p12': cert.replace('.pem', '.p12')}
        return self.talk(self.client, f'down {LENGTH}', version, **more)[0]

    def test_a_client_has_to_show_a_good_certificate(self):
        self.adieu_with('client-auth = require', f'client-ca = {self.authority.ca}',
                        f'client-crl = {self.crl}', 'client-allow = dns:client.localhost')
        for version in VERSIONS:
            with self.subTest(tls=version, shown='good'):
                self.expect_content(self.show('good', version))
                self.adieu.wait('relay', tls=f'TLSv{version}', client_end=self.client.leaves,
                                client_name='dns:client.localhost')
            for name in None, 'expired', 'revoked', 'purpose', 'unknown_ca':
                with self.subTest(tls=version, shown=name):
                    before = len(self.adieu.found('handshake', {}))
                    said = self.show(name, version)
                    self.assertNotEqual(said['end'], 'clean', said)
                    self.assertEqual(said['bytes'], 0)
                    refused = self.adieu.wait('handshake', count=before + 1)[-1]
                    cause = 'none' if name is None or name in self.client.declines else name
                    self.assertEqual(refused['cause'], f'client_certificate:{cause}')
        # Nobody heard of the others.
        self.assertEqual(self.backend.n_accepted, len(VERSIONS))

    def test_a_name_leads_to_its_route_and_the_rules_of_it(self):
        staff = Backend()
        self.addCleanup(staff.stop)
        self.adieu_with('alpn = http/1.1', '[route:staff]', 'listener = web',
                        'sni = other.localhost', f'backend = {staff.address}', 'alpn = h2',
                        'client-auth = require', f'client-ca = {self.authority.ca}')
        offer = {'alpn': 'http/1.1,h2'} if self.client.offers else {}
        for n, version in enumerate(VERSIONS, 1):
            with self.subTest(tls=version, route=None):
                self.expect_content(self.show(None, version, **offer))
                relay = self.adieu.wait('relay', tls=f'TLSv{version}', sni='localhost')[0]
                self.assertEqual(relay.keys() & {'route', 'client-name'}, set())
                self.assertEqual(relay.get('alpn', 'http/1.1'), 'http/1.1')
            with self.subTest(tls=version, route='staff', shown=None):
                said = self.show(None, version, name='other.localhost', **offer)
                self.assertNotEqual(said['end'], 'clean', said)
                self.assertEqual(said['bytes'], 0)
                self.adieu.wait('handshake', count=n, route='staff',
                                cause='client_certificate:none')
            with self.subTest(tls=version, route='staff', shown='good'):
                self.expect_content(self.show('good', version, name='other.localhost', **offer))
                relay = self.adieu.wait('relay', tls=f'TLSv{version}', sni='other.localhost',
                                        route='staff', client_name='dns:client.localhost',
                                        client_end=self.client.leaves)[0]
                self.assertEqual(relay.get('alpn', 'h2'), 'h2')
                self.assertEqual('alpn' in relay, self.client.offers)
        # Each heard of its own clients alone.
        self.assertEqual((self.backend.n_accepted, staff.n_accepted), (len(VERSIONS),) * 2)

    def expect_content(self, said):
        self.assertEqual(said['end'], 'clean', said)
        self.assertEqual((said['bytes'], said['digest']), (LENGTH, DIGEST), said)


class Scan(World):
    """What testssl.sh has to say about the policies."""

    # About the certificate's authority, which is ours, and about HTTP, which we do not speak.
    NOT_OURS = {'cert_chain_of_trust', 'cert_revocation', 'HSTS', 'security_headers',
                'engine_problem', 'scanTime'}
    FINE = 'OK', 'INFO', 'DEBUG'

    def scan(self, *keys):
        self.adieu_with(f'cert = {self.rsa[0]}', f'key = {self.rsa[1]}', *keys)
        host, port = self.adieu.address('web')
        found = self.path('found.json')
        # It is killed with all that it has started.
        subprocess.run(['timeout', '300', 'testssl', '--quiet', '--warnings', 'batch', '--color',
                        '0', '--nodns', 'none', '--jsonfile', found, f'{host}:{port}'],
                       stdin=subprocess.DEVNULL, capture_output=True, check=False)
        return [(one['id'], one['severity'], one['finding'])
                for one in json.loads(pathlib.Path(found).read_text())]

    def expect(self, findings, offered):
        self.assertEqual([one for one in findings if one[1] not in self.FINE
                          and one[0].split()[0] not in self.NOT_OURS], [])
        protocols = {name: finding for name, _, finding in findings}
        for name in 'SSLv2', 'SSLv3', 'TLS1', 'TLS1_1', 'TLS1_2', 'TLS1_3':
            self.assertEqual(protocols[name].startswith('not offered'), name not in offered, name)

    def test_intermediate_has_no_finding(self):
        self.expect(self.scan('tls-policy = intermediate'), {'TLS1_2', 'TLS1_3'})

    def test_modern_has_no_finding(self):
        self.expect(self.scan('tls-policy = modern'), {'TLS1_3'})


def prepare(folder, wanted):
    found = {}
    for kind in libraries.ALL:
        client = kind(folder)
        client.prepare()
        name = kind.__name__
        found[name] = type(name, (Client, World), {'client': client})
    globals().update(found)
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f'*{name}*' for name in wanted] or None
    return unittest.TestSuite(map(loader.loadTestsFromTestCase, [*found.values(), Scan]))


def main(folder, *wanted):
    os.makedirs(folder, exist_ok=True)
    suite = prepare(os.path.abspath(folder), wanted)
    said = io.StringIO()
    runner = unittest.TextTestRunner(sys.stderr if sys.stderr.isatty() else said, verbosity=2)
    result = runner.run(suite)
    bad = result.failures + result.errors
    for check, traceback in bad:
        print(f'--- {check}\n{traceback}')
    # Of one check several parts may have failed.
    failed = len({getattr(check, 'test_case', check).id() for check, _ in bad})
    print(f'{result.testsRun - failed} passed, {failed} failed')
    return 0 if result.wasSuccessful() and result.testsRun else 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
