# SPDX-License-Identifier: ISC
"""What is measured: one row for each mode."""

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

TLS13_CIPHERS = {
    'aes128': ('AES-128-GCM', 'TLS_AES_128_GCM_SHA256'),
    'aes256': ('AES-256-GCM', 'TLS_AES_256_GCM_SHA384'),
    'chacha20': ('ChaCha20-Poly1305', 'TLS_CHACHA20_POLY1305_SHA256'),
}

STREAM_WARM = 300            # ms: windows grow first, and proxies get used to it

# Ports of every proxy; the address is what tells them apart.
ECDSA, RSA, PLAIN = 8443, 8444, 8080


@dataclass(frozen=True)
class Mode:
    name: str
    words: str               # {n}: the number of connections
    load: tuple              # arguments of bench/load
    port: int = ECDSA
    per: str = 'op'          # what the CPU time is divided by: op or MiB
    figure: str = 'cpu'      # what is compared: cpu, p99 or memory; less is better
    beside: tuple = ()       # arguments of a second load, which saturates meanwhile
    beside_per: str = 'op'
    bulk: bool = False       # peers take part with a configuration made for bulk, too
    rounds: int = 3
    more: int = 8            # rounds of those that are close to each other
    seconds: float = 0.5
    warm: int = 100          # ms, before them
    latency: bool = False    # worth a look

    @property
    def title(self):
        return self.words.format(n=f'{self.clients:,}')

    @property
    def churns(self):
        return 'churn' in self.load

    @property
    def clients(self):
        return int(self.load[self.load.index('--clients') + 1])

    def with_clients(self, n):
        load = [*self.load]
        load[load.index('--clients') + 1] = str(n)
        return replace(self, load=tuple(load))

    @property
    def unit(self):
        return {'cpu': f'µs/{self.per}', 'p99': 'ms', 'memory': 'kB'}[self.figure]


def handshakes():
    for version in '1.3', '1.2':
        for name, port in ('ECDSA P-256', ECDSA), ('RSA-2048', RSA):
            yield Mode(f'handshake-{version}-{name.split("-")[0].split()[0].lower()}',
                       f'full handshake, 128 B and back, close: TLS {version}, {name}',
                       ('--work', 'churn', '--clients', '32', '--tls', version), port=port)
    for version in '1.3', '1.2':
        yield Mode(f'resumed-{version}',
                   f'resumed handshake, 128 B and back, close: TLS {version}',
                   ('--work', 'churn', '--clients', '32', '--tls', version, '--resume'))


def requests():
    for n in 1, 64, 1000:
        yield Mode(f'echo-{n}', '128 B and back on kept connections, {n} at once: TLS 1.3',
                   ('--work', 'echo', '--clients', str(n), '--tls', '1.3'), latency=True)


def bulk():
    for key, (cipher, suite) in TLS13_CIPHERS.items():
        for direction, word in ('down', 'download'), ('up', 'upload'):
            for n in 1, 8, 64:
                yield Mode(f'{direction}-{n}-{key}',
                           f'{word}, {{n}} connection{"s" * (n > 1)}: {cipher}',
                           ('--work', direction, '--clients', str(n), '--tls', '1.3',
                            '--cipher', suite),
                           per='MiB', bulk=True, warm=STREAM_WARM,
                           seconds=0.5 if key == 'aes256' else 0.4)


def plain():
    yield Mode('plain-churn', 'connect, 128 B and back, close: plain to plain',
               ('--work', 'churn', '--clients', '32'), port=PLAIN)
    yield Mode('plain-echo-64', '128 B and back on kept connections, {n} at once: plain to plain',
               ('--work', 'echo', '--clients', '64'), port=PLAIN, latency=True)
    for direction, word in ('down', 'download'), ('up', 'upload'):
        yield Mode(f'plain-{direction}-8', f'{word}, {{n}} connections: plain to plain',
                   ('--work', direction, '--clients', '8'), port=PLAIN, per='MiB', bulk=True,
                   warm=STREAM_WARM)


def fairness():
    # More connections than requests under way, or those would wait for each other.
    small = ('--work', 'echo', '--clients', '64', '--rate', '1000', '--tls', '1.3')
    yield Mode('beside-bulk',
               'p99 of 128 B and back, 1,000 a second, beside 8 saturating downloads',
               small, figure='p99', latency=True, bulk=True, seconds=1.0, rounds=5, more=0,
               beside_per='MiB',
               beside=('--work', 'down', '--clients', '8', '--tls', '1.3'))
    yield Mode('beside-handshakes',
               'p99 of 128 B and back, 1,000 a second, beside a flood of full handshakes',
               small, figure='p99', latency=True, seconds=1.0, rounds=7, more=0,
               beside=('--work', 'churn', '--clients', '32', '--tls', '1.3'))


def size(most):
    """most: how many relays the descriptors of one process allow."""
    for name, work, carried in ('idle', 'hold', '128 B'), ('used', 'page', '64 KiB'):
        yield Mode(f'memory-{name}',
                   f'memory of an idle TLS relay, of {{n}}, that has carried {carried}',
                   ('--work', work, '--clients', str(min(5000, most)), '--tls', '1.3'),
                   figure='memory', bulk=True, rounds=1, more=0)
    for n in 10, 100, 1000, 10000:
        yield Mode(f'growth-{n}', '128 B and back, 10 at a time, on {n} open connections: TLS 1.3',
                   ('--work', 'echo', '--clients', str(min(n, most)), '--active', '10',
                    '--tls', '1.3'), latency=True, rounds=3 if n < 10000 else 2, more=0)


def every(most):
    return [*handshakes(), *requests(), *bulk(), *plain(), *fairness(), *size(most)]


def quick(modes):
    """Small, and only once what differs in size alone; all ciphers at one size."""
    seen = set()
    for mode in modes:
        if fnmatchcase(mode.name, '*-1-aes128') or fnmatchcase(mode.name, '*-1-chacha20'):
            continue
        small = replace(mode.with_clients(min(mode.clients, 8 if mode.per == 'MiB' else 100)),
                        bulk=False, rounds=1, more=0)
        if (small.load, small.port, small.beside) not in seen:
            seen.add((small.load, small.port, small.beside))
            yield small


def select(modes, patterns):
    """Those that one of the patterns matches (shell wildcards, or how a name begins)."""
    chosen = [mode for mode in modes
              if any(fnmatchcase(mode.name, p) or mode.name.startswith(p) for p in patterns)]
    unmatched = [p for p in patterns
                 if not any(fnmatchcase(m.name, p) or m.name.startswith(p) for m in modes)]
    return chosen, unmatched
