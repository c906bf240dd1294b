# SPDX-License-Identifier: ISC
"""Runs the modes, round by round, one proxy after the other."""

import contextlib
import json
import statistics
import subprocess
import time

import machine
from proxies import PATIENCE, Failure

HASTY = 40, 100              # ms of both, for a smoke test
LOAD_PATIENCE = 100          # seconds, for one measurement
NEAR = 1.15                  # times what adieu takes
QUIET_NS = 300_000           # of CPU time in 20 ms: what a proxy does that has nothing to do


class Bench:
    def __init__(self, load, backend, proxies, proxy_core, haste=False):
        self.load, self.backend, self.proxies = load, backend, proxies
        self.proxy_core, self.haste = proxy_core, haste
        self.softirq = machine.kernel_thread(f'ksoftirqd/{proxy_core}')
        if not machine.realtime(backend.process.pid, False):
            machine.warn('no realtime priority: latencies hold the load\'s own delays, too')

    # ---- one mode ----

    def run(self, mode, rounds, more):
        """
        {proxy: [result of a round, ...]}; a Failure instead, if one was met. The
        first so many rounds are everybody's, more are for adieu and who is close to it.
        """
        playing = [proxy for proxy in self.proxies if proxy.takes_part(mode)]
        results = {proxy.name: [] for proxy in playing}
        self.play(mode, playing, rounds, results)
        self.play(mode, close(playing, results), more, results)
        return results

    def play(self, mode, playing, rounds, results):
        for number in range(rounds):
            turn = number % max(1, len(playing))
            for proxy in playing[turn:] + playing[:turn]:
                if not isinstance(results[proxy.name], Failure):
                    self.round(mode, proxy, results)

    def round(self, mode, proxy, results):
        try:
            if proxy.process is None or proxy.process.poll() is not None:
                proxy.start()
            proxy.pin()
            self.settle()
            results[proxy.name].append(self.attempt(mode, proxy))
        except Failure as failure:
            results[proxy.name] = Failure(f'{failure}{proxy.obituary()}')
            proxy.stop()     # whatever has happened to it, others shall not suffer

    def attempt(self, mode, proxy):
        if self.haste:
            with contextlib.suppress(Failure):
                return self.once(mode, proxy, HASTY)
            # On a busy machine a short look may show nothing.
        return self.once(mode, proxy, (mode.warm, int(mode.seconds * 1000)))

    def once(self, mode, proxy, times):
        if mode.figure == 'memory':
            return self.memory(mode, proxy)
        began, busy, own = time.monotonic_ns(), machine.core_time(self.proxy_core), self.cpu()
        result = (self.beside if mode.beside else self.alone)(mode, proxy, times)
        foreign = machine.core_time(self.proxy_core) - busy - (self.cpu() - own)
        result['foreign'] = max(0, foreign / (time.monotonic_ns() - began))
        return result

    def cpu(self):
        """Of all proxies: while one is measured the others do nothing, but who knows."""
        return sum(proxy.cpu() for proxy in self.proxies if proxy.process is not None)

    def alone(self, mode, proxy, times):
        return summary(mode, finish(self.begin(mode, mode.load, proxy, *times)))

    def settle(self):
        """What the proxy before has left to do would disturb the next one."""
        until = time.monotonic() + PATIENCE
        before = self.cpu()
        while time.monotonic() < until:
            time.sleep(0.02)
            now = self.cpu()
            if now - before < QUIET_NS:
                return
            before = now

    # ---- the load ----

    def begin(self, mode, arguments, proxy, warm=1, window=1, realtime=False):
        command = [self.load, '--to', f'{proxy.address}:{mode.port}', *arguments,
                   '--warm', str(warm), '--window', str(window)]
        for pid in proxy.pids():
            command += ['--pid', str(pid)]
        if self.softirq is not None:
            command += ['--kernel', str(self.softirq)]
        load = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
        if realtime:
            machine.realtime(load.pid, True)
        return load

    def beside(self, mode, proxy, times):
        """
        The small requests come from a load of their own, which like the backend
        goes before the saturating one: what it waits for is the proxy. It opens
        its connections first, and warms up until the other one is at work.
        """
        warm, window = times
        machine.realtime(self.backend.process.pid, True)
        loads = [self.begin(mode, mode.load, proxy, 4 * warm, window, realtime=True)]
        try:
            await_ready(loads[0])
            loads.append(self.begin(mode, mode.beside, proxy, warm, 4 * warm + window))
            said = finish(loads[0])
            outlived = loads[1].poll() is None
            heavy_said = finish(loads[1])
        finally:
            for load in loads:
                load.kill()
                load.wait()
            machine.realtime(self.backend.process.pid, False)
        if not outlived:
            raise Failure('the load beside it ended early')
        result = summary(mode, heavy_said, per=mode.beside_per)
        result.update(latencies(said), figure=said['latency']['p99'] / 1e6,
                      answered=said['operations'])
        return result

    def memory(self, mode, proxy):
        """Of a new process that has had its first clients already."""
        proxy.stop()
        proxy.start()
        with self.holding(mode.with_clients(16), proxy):
            pass
        self.settle()
        before = proxy.pss()
        with self.holding(mode, proxy):
            each = (proxy.pss() - before) / mode.clients
        proxy.stop()
        return {'figure': each, 'before': before, 'relays': mode.clients}

    @contextlib.contextmanager
    def holding(self, mode, proxy):
        load = self.begin(mode, mode.load, proxy)
        try:
            await_ready(load)
            yield
        finally:
            load.communicate()


def close(playing, results):
    """Adieu and the peers that are about as good, if there are any."""
    figures = {proxy: statistics.median(round_['figure'] for round_ in results[proxy.name])
               for proxy in playing if not isinstance(results[proxy.name], Failure)}
    ours = [proxy for proxy in figures if proxy.role == 'adieu']
    near = [proxy for proxy in figures if ours and proxy.role == 'peer'
            and figures[proxy] < NEAR * figures[ours[0]]]
    return ours + near if near else []


def await_ready(load):
    if load.stdout.readline() != 'ready\n':
        raise Failure(load.stderr.read().strip() or 'the load gave up')


def finish(load):
    try:
        out, error = load.communicate(timeout=LOAD_PATIENCE)
    except subprocess.TimeoutExpired as expired:
        load.kill()
        load.communicate()
        raise Failure(f'no result in {LOAD_PATIENCE} s') from expired
    if load.returncode != 0:
        raise Failure(error.strip().splitlines()[0] if error else f'load: {load.returncode}')
    return json.loads(out.splitlines()[-1])


def latencies(said):
    return {name: said['latency'][name] / 1e6 for name in ('p50', 'p99', 'p999')}


def summary(mode, said, per=None):
    """One round, in the units that people think in."""
    per = per or mode.per
    amount = said['bytes'] / 2**20 if per == 'MiB' else said['operations']
    if amount == 0:
        raise Failure('nothing came through')
    if '--resume' in mode.load and said['resumed'] < 0.5 * said['handshakes']:
        raise Failure(f'resumed {said["resumed"]} of {said["handshakes"]} sessions')
    if said['failed'] > 0.01 * amount + 1:
        raise Failure(f'{said["failed"]} connections failed, {amount} did not')
    cost = said['cpu'] / 1e3 / amount
    result = {
        'figure': cost,
        'cost': cost,
        'rate': amount / (said['time'] / 1e9),
        'busy': said['cpu'] / said['time'],
        'softirq': said['kernel'] / said['time'],
        'resumed': said['resumed'] / max(1, said['handshakes']),
        'unclean': said['unclean'] / max(1, said['operations']),
        'failed': said['failed'],
    }
    if said['latency']['n'] > 0:
        result.update(latencies(said))
    return result
