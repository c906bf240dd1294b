#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""One call after another fails while adieu has its socket from a service manager.

All that is promised of sockets of its own is promised of that one. It stays
open for the life of adieu, so each call has a copy of it to make.
"""

import fault
import faults_running
import faults_start
import harness


class Start(fault.Activated, faults_start.Start):
    pass


class Reload(fault.Activated, faults_running.Reload):
    pass


class Upgrade(fault.Activated, faults_running.Upgrade):
    pass


if __name__ == '__main__':
    harness.main()
