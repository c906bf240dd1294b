# SPDX-License-Identifier: ISC
"""A client on Python's ssl; see interop.py for what it is told and tells."""

import hashlib
import json
import socket
import ssl
import sys

VERSIONS = {'1.2': ssl.TLSVersion.TLSv1_2, '1.3': ssl.TLSVersion.TLSv1_3}


def configure(told):
    context = ssl.create_default_context(cafile=told['ca'])
    context.minimum_version = context.maximum_version = VERSIONS[told['version']]
    if 'alpn' in told:
        context.set_alpn_protocols(told['alpn'].split(','))
    if 'cert' in told:
        context.load_cert_chain(told['cert'], told['key'])
    return context


def read_all(connection, said):
    digest = hashlib.sha256()
    session = None
    try:
        while data := connection.recv(65536):
            digest.update(data)
            said['bytes'] += len(data)
        session = connection.session
        connection.unwrap().close()
        said['end'] = 'clean'
    except ssl.SSLEOFError:
        said['end'] = 'truncated'
    except OSError as reason:
        said |= {'end': 'error', 'error': str(reason)}
    said['digest'] = digest.hexdigest()
    return session


def talk(context, told, session):
    said = {'tls': '', 'alpn': '', 'bytes': 0, 'digest': '', 'end': '', 'error': ''}
    plain = socket.create_connection((told['host'], int(told['port'])))
    try:
        connection = context.wrap_socket(plain, server_hostname=told['name'], session=session,
                                         suppress_ragged_eofs=False)
    except OSError as reason:
        return said | {'end': 'handshake', 'error': str(reason)}, None
    with connection:
        said |= {'tls': connection.version(),
                 'alpn': connection.selected_alpn_protocol() or ''}
        try:
            connection.sendall(told['request'].encode() + b'\n')
        except OSError as reason:
            return said | {'end': 'error', 'error': str(reason)}, None
        session = read_all(connection, said)
        return said, session


def main():
    told = dict(argument.split('=', 1) for argument in sys.argv[1:])
    context = configure(told)
    session = None
    for _ in range(int(told.get('times', '1'))):
        said, session = talk(context, told, session)
        print(json.dumps(said))


if __name__ == '__main__':
    main()
