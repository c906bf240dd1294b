# SPDX-License-Identifier: ISC
"""A certificate authority in a folder, run by the openssl command."""

import os
import pathlib
import subprocess

CONFIG = """
[ca]
default_ca = us
[us]
dir = {folder}
database = $dir/index.txt
rand_serial = yes
crlnumber = $dir/crlnumber
new_certs_dir = $dir
certificate = $dir/ca.pem
private_key = $dir/ca.key
default_md = sha256
default_days = 90
default_crl_days = 2
policy = anything
unique_subject = no
[anything]
commonName = supplied
[server]
subjectAltName = DNS:localhost, DNS:other.localhost, IP:127.0.0.1
extendedKeyUsage = serverAuth
# NSS wants the second of an RSA key, whatever it is used for.
keyUsage = digitalSignature, keyEncipherment
basicConstraints = CA:FALSE
authorityKeyIdentifier = keyid
[client]
subjectAltName = DNS:client.localhost
extendedKeyUsage = clientAuth
keyUsage = digitalSignature
basicConstraints = CA:FALSE
authorityKeyIdentifier = keyid
"""
EC = 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'
RSA = ('rsa:2048',)
LONG_AGO = '-startdate', '20200101000000Z', '-enddate', '20200102000000Z'


class Authority:

    def __init__(self, folder, name='authority'):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir()
        self.config = self.folder / 'openssl.cnf'
        self.config.write_text(CONFIG.format(folder=self.folder))
        (self.folder / 'index.txt').touch()
        (self.folder / 'crlnumber').write_text('1000\n')
        self.ca = str(self.folder / 'ca.pem')
        self.openssl('req', '-x509', '-newkey', *EC, '-nodes', '-keyout', self.folder / 'ca.key',
                     '-out', self.ca, '-days', '3', '-subj', f'/CN={name}',
                     '-addext', 'keyUsage=critical,keyCertSign,cRLSign')

    @staticmethod
    def openssl(*arguments):
        done = subprocess.run(['openssl', *map(str, arguments)], check=False, capture_output=True,
                              stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f'openssl {arguments}: {done.stderr.decode()}')

    def issue(self, name, use, kind=EC, dates=()):
        """For "server" or "client". The paths of certificate and key; a .p12 is beside them."""
        base = self.folder / name
        cert, key, request = (f'{base}.{suffix}' for suffix in ('pem', 'key', 'csr'))
        self.openssl('req', '-newkey', *kind, '-nodes', '-keyout', key, '-out', request,
                     '-subj', f'/CN={name}')
        os.chmod(key, 0o600)
        self.openssl('ca', '-batch', '-notext', '-config', self.config, '-in', request,
                     '-out', cert, '-extensions', use, *dates)
        self.openssl('pkcs12', '-export', '-in', cert, '-inkey', key, '-name', name,
                     '-out', f'{base}.p12', '-passout', 'pass:password')
        return cert, key

    def revoke(self, cert):
        self.openssl('ca', '-config', self.config, '-revoke', cert)

    def make_crl(self):
        path = str(self.folder / 'crl.pem')
        self.openssl('ca', '-config', self.config, '-gencrl', '-out', path)
        return path
