# SPDX-License-Identifier: ISC
"""The service, run by a real systemd as its unit says."""

import socket
import ssl
import time

import checks
import harness


class Service(checks.Checks):

    def test_it_serves_once_it_is_started(self):
        self.serve_echo()
        self.connect_plain().close()
        self.assertEqual((self.show('ActiveState'), self.show('SubState')), ('active', 'running'))
        self.assertEqual(self.show('StatusText'), 'Serving 1 listener')
        self.expect_service()

    def test_it_may_do_nothing_but_bind_low_ports(self):
        self.serve_echo()
        status = self.run_in('cat', f'/proc/{self.show("MainPID")}/status')
        fields = dict(line.split(':\t', 1) for line in status.splitlines())
        account = self.run_in('id', '--user', 'adieu')
        self.assertEqual(set(fields['Uid'].split()), {account})
        for key in 'CapEff', 'CapPrm', 'CapBnd', 'CapAmb':
            self.assertEqual(int(fields[key], 16), 1 << 10, key)    # CAP_NET_BIND_SERVICE
        self.assertEqual((fields['NoNewPrivs'], fields['Seccomp']), ('1', '2'))

    def test_the_journal_has_a_field_for_everything(self):
        self.serve_echo()
        self.expect_service()
        [relay] = self.wait_event('relay')
        self.assertEqual(relay['client-end'], 'close_notify')
        self.assertEqual(relay['backend-end'], 'fin')
        self.assertEqual((relay['listener'], relay['up'], relay['down']),
                         ('https', '65536', '65536'))
        self.assertEqual(relay['backend'], '127.0.0.1:8080')
        [line] = self.run_in('journalctl', '--unit=adieu', '--output=cat',
                             'ADIEU_EVENT=relay').splitlines()
        self.assertIn('event=relay id=1 listener=https client=127.0.0.1:', line)

    def test_backends_may_be_unix_sockets_and_names(self):
        self.machine.path('/run/app').mkdir()
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(self.machine.path('/run/app/socket')))
            self.machine.path('/run/app/socket').chmod(0o666)
            server.listen()
            self.serve_echo(backend='unix:/run/app/socket')
            client = self.connect()
            with server.accept()[0] as inner:
                inner.sendall(b'hello')
                self.assertEqual(client.recv(5), b'hello')
        with open(self.machine.path('/etc/hosts'), 'a', encoding='utf-8') as hosts:
            hosts.write('127.0.0.1 app.example\n')
        self.configure(backend='app.example:8080')
        self.run_in('systemctl', 'restart', 'adieu')
        self.expect_service()

    def test_its_log_file_is_rotated(self):
        self.serve_echo(log='file:/var/log/adieu/adieu.log')
        log = self.machine.path('/var/log/adieu/adieu.log')
        self.expect_service()
        harness.wait_until(lambda: 'event=relay' in log.read_text(), 'a line')
        self.run_in('logrotate', '--force', '/etc/logrotate.d/adieu')
        harness.wait_until(log.exists, 'a new file')
        self.expect_service()
        harness.wait_until(lambda: 'event=relay' in log.read_text(), 'a line in the new file')
        self.assertEqual(log.read_text().count('event=relay'), 1)
        self.assertIn('event=relay', log.with_name('adieu.log.1').read_text())

    # ---- stop, restart ----

    def expect_transfers_to_go_on(self, clients):
        for client in clients:
            self.exchange(client)
        self.run_in('systemctl', 'stop', '--no-block', 'adieu')
        harness.wait_until(self.refuses, 'a closed port')
        for _ in range(16):
            for client in clients:
                self.exchange(client)
        self.assertEqual(self.show('ActiveState'), 'deactivating')
        for client in clients:
            self.part(client)
        self.wait_for('ActiveState', 'inactive')
        self.assertEqual(self.show('Result'), 'success')
        for relay in self.wait_event('relay', count=len(clients)):
            self.assertEqual((relay['client-end'], relay['backend-end']), ('close_notify', 'fin'))

    def test_a_transfer_goes_on_when_it_is_stopped(self):
        self.serve_echo()
        self.expect_transfers_to_go_on([self.connect()])

    def test_a_transfer_that_takes_too_long_is_cut_and_no_good_end(self):
        self.serve_echo('drain-timeout = 1s')
        client = self.connect()
        self.exchange(client)
        self.run_in('systemctl', 'stop', 'adieu')
        self.expect_reset(client)
        self.assertEqual((self.show('ActiveState'), self.show('Result')), ('inactive', 'success'))
        self.wait_event('relay', client_end='drain', backend_end='drain')

    def test_systemd_gives_it_the_time_that_a_drain_takes(self):
        self.drop_in('TimeoutStopSec=1s')
        self.serve_echo('drain-timeout = 8s')
        client = self.connect()
        self.exchange(client)
        self.run_in('systemctl', 'stop', '--no-block', 'adieu')
        self.wait_for('StatusText', 'Draining: 1 of 1 connections left')
        self.wait_event('drain', phase='progress')      # after two seconds
        self.exchange(client)
        self.part(client)
        self.wait_for('ActiveState', 'inactive')
        self.assertEqual(self.show('Result'), 'success')
        self.wait_event('relay', client_end='close_notify', backend_end='fin')

    def test_it_comes_back_from_a_restart_and_from_a_crash(self):
        self.serve_echo()
        pids = [self.show('MainPID')]
        self.run_in('systemctl', 'restart', 'adieu')
        pids.append(self.show('MainPID'))
        self.expect_service()
        self.run_in('systemctl', 'kill', '--kill-who=main', '--signal=KILL', 'adieu')
        self.wait_for('NRestarts', '1')
        self.wait_for('ActiveState', 'active')
        pids.append(self.show('MainPID'))
        self.expect_service()
        self.assertEqual(len(set(pids)), 3)

    def test_without_a_certificate_it_says_so_and_does_not_try_for_ever(self):
        self.install()
        self.run_in('rm', '/etc/adieu/fullchain.pem')
        self.assertNotEqual(self.machine.enter(['systemctl', 'start', 'adieu']).returncode, 0)
        self.wait_for('ActiveState', 'failed')
        self.assertIn('/etc/adieu/fullchain.pem: No such file',
                      self.run_in('journalctl', '--unit=adieu', '--output=cat'))

    # ---- reload ----

    def test_a_reload_takes_a_renewed_certificate_and_cuts_nobody(self):
        self.serve_echo()
        self.expect_renewed_certificate()

    def expect_renewed_certificate(self):
        client = self.connect()
        self.exchange(client)
        self.make_certificate()
        self.place_certificate('/etc/adieu')
        with self.assertRaises(ssl.SSLCertVerificationError):
            ssl.create_default_context(cafile=self.cert).wrap_socket(
                self.connect_plain(), server_hostname='localhost')
        self.run_in('systemctl', 'reload', 'adieu')
        self.context = ssl.create_default_context(cafile=self.cert)
        self.expect_service()
        self.exchange(client)
        self.part(client)
        self.wait_event('reload', result='done')

    def test_a_reload_of_a_broken_file_fails_and_changes_nothing(self):
        self.serve_echo()
        self.expect_broken_file_to_be_refused()

    def expect_broken_file_to_be_refused(self):
        self.machine.path(checks.CONFIG).write_text('[listener:https]\nbint = :443\n')
        done = self.machine.enter(['systemctl', 'reload', 'adieu'])
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual((self.show('ActiveState'), self.show('SubState')), ('active', 'running'))
        self.expect_service()
        self.wait_event('reload', result='failed')
        self.assertIn('reload failed', self.show('StatusText'))
        self.assertIn('adieu.ini:2: [listener:https] bint',
                      self.run_in('journalctl', '--unit=adieu', '--output=cat'))

    def test_a_reload_with_a_log_that_cannot_be_written_fails_and_the_old_one_goes_on(self):
        self.serve_echo()
        self.configure('[global]', 'log = file:/etc/adieu.log')
        self.assertNotEqual(self.machine.enter(['systemctl', 'reload', 'adieu']).returncode, 0)
        [said] = self.wait_event('reload', result='failed')
        self.assertIn('cannot open log /etc/adieu.log', said['reason'])
        self.expect_service()
        self.wait_event('relay')

    # ---- what systemd does for it ----

    def test_systemd_may_open_the_port(self):
        self.install()
        self.run_in('cp', '/usr/share/doc/adieu/examples/adieu.socket', '/etc/systemd/system')
        self.configure('[global]', 'log = journal', bind='systemd:https')
        self.run_in('systemctl', 'daemon-reload')
        self.run_in('systemctl', 'start', 'adieu.socket')
        self.assertEqual(self.show('ActiveState'), 'inactive')
        self.expect_service()
        self.assertEqual(self.show('ActiveState'), 'active')
        self.run_in('systemctl', 'stop', '--no-block', 'adieu.service')
        for _ in range(100):
            self.assertFalse(self.refuses())
        self.expect_service()

    def test_the_watchdog_finds_one_that_hangs(self):
        self.drop_in('WatchdogSec=1s')
        self.serve_echo()
        self.run_in('kill', '-STOP', self.show('MainPID'))
        self.wait_for('NRestarts', '1')
        self.wait_for('ActiveState', 'active')
        self.expect_service()
        self.assertIn('Watchdog timeout', self.run_in('journalctl', '--unit=adieu'))

    def test_the_watchdog_leaves_one_alone_whose_reload_has_to_wait(self):
        self.drop_in('WatchdogSec=1s')
        self.serve_echo()
        client = self.connect()
        pid = self.show('MainPID')
        self.run_in('sh', '-c', f'mv {checks.CONFIG} {checks.CONFIG}.good; mkfifo -m 644 '
                    + checks.CONFIG)        # from which nothing comes, as from a name server
        self.run_in('systemctl', 'kill', '--kill-who=main', '--signal=HUP', 'adieu')
        self.wait_for('StatusText', 'Reloading')
        enough = time.monotonic() + 3
        while time.monotonic() < enough:
            self.exchange(client)
        self.run_in('sh', '-c', f'cat {checks.CONFIG}.good >{checks.CONFIG}')
        self.wait_event('reload', result='done')
        self.wait_for_watchdog()
        self.exchange(client)
        self.part(client)
        self.assertEqual((self.show('MainPID'), self.show('NRestarts')), (pid, '0'))

    def upgrade(self):
        """The old process, which has handed over."""
        old = self.show('MainPID')
        self.run_in('systemctl', 'kill', '--kill-who=main', '--signal=USR2', 'adieu')
        harness.wait_until(lambda: self.show('MainPID') not in (old, '0'), 'another process')
        return old

    def test_one_that_does_not_get_ready_is_killed_and_the_old_one_goes_on(self):
        self.drop_in('WatchdogSec=1s')
        self.serve_echo('upgrade-timeout = 2s')
        old = self.show('MainPID')
        self.run_in('sh', '-c', f'mv {checks.CONFIG} {checks.CONFIG}.good; mkfifo -m 644 '
                    + checks.CONFIG)        # from which nothing comes
        self.run_in('systemctl', 'kill', '--kill-who=main', '--signal=USR2', 'adieu')
        [heir] = [event['pid'] for event in self.wait_event('upgrade', result='begun')]
        self.assertIn('Upgrading', self.show('StatusText'))
        self.wait_event('upgrade', result='failed')
        self.wait_for_end(heir)
        self.assertEqual((self.show('MainPID'), self.show('ActiveState')), (old, 'active'))
        self.assertIn('upgrade failed', self.show('StatusText'))
        self.expect_service()
        self.run_in('mv', f'{checks.CONFIG}.good', checks.CONFIG)
        self.wait_for_end(self.upgrade())
        self.expect_service()

    def wait_for_end(self, pid):
        harness.wait_until(lambda: not self.machine.path(f'/proc/{pid}').exists(), 'its end')

    def test_it_follows_an_upgrade(self):
        self.drop_in('WatchdogSec=1s')
        self.serve_echo()
        client = self.connect()
        self.exchange(client)
        old = self.upgrade()
        for _ in range(3):
            self.wait_for_watchdog()
        self.exchange(client)
        self.part(client)
        self.wait_for_end(old)
        self.wait_for_watchdog()
        self.expect_service()
        self.assertEqual((self.show('ActiveState'), self.show('NRestarts')), ('active', '0'))
        self.assertNotIn('not our child', self.run_in('journalctl', '--unit=adieu'))

    def test_a_transfer_goes_on_when_it_is_stopped_after_an_upgrade(self):
        self.serve_echo()
        self.wait_for_end(self.upgrade())
        self.expect_transfers_to_go_on([self.connect()])

    def test_so_does_one_of_before_the_upgrade(self):
        self.serve_echo()
        client = self.connect()
        self.exchange(client)
        self.upgrade()
        self.expect_transfers_to_go_on([client, self.connect()])

    def wait_for_watchdog(self):
        """Until it has been fed once more."""
        before = self.show('WatchdogTimestampMonotonic')
        harness.wait_until(lambda: self.show('WatchdogTimestampMonotonic') != before, 'a sign')
