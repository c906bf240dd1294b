# SPDX-License-Identifier: ISC
"""On the kernel that Debian has, whose Landlock may be older than that of this machine's."""

import unittest

import container
import guest

# They start adieu in its sandbox, carry, reload, upgrade and log to files there.
TESTS = 'sandbox', 'sandbox_landlock', 'sandbox_seccomp', 'logs'
# To a terminal meson would say each second how far it has come.
SCRIPT = ('exec 3>&1 >/run/said; trap "cat /run/said >&3" EXIT; uname -r; '
          'meson test -C build --no-rebuild --print-errorlogs --timeout-multiplier 5 ')


class Kernel(unittest.TestCase):

    def test_the_sandbox_keeps_out_what_this_kernel_can_and_all_else_goes_on(self):
        try:
            machine = guest.Guest()
        except container.Cannot as reason:
            self.skipTest(str(reason))
        status, said = machine.run(SCRIPT + ' '.join(TESTS))
        self.assertEqual(status, 0, said)
        self.assertIn(f'{machine.release}\n', said)
        self.assertRegex(said, r'\nOk: +[1-9]')
