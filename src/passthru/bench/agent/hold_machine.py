# SPDX-License-Identifier: Apache-2.0
"""Keep one virtual machine open from now on; return when it is.

KVM patches the scheduler's code when the first machine of a host comes and when the last
one goes. An emulated processor that runs there at that moment can hang for ever, so the
virtual host has a machine before it takes commands, and keeps it.
"""

import fcntl
import os
import signal

KVM_CREATE_VM = 0xAE01

kvm = os.open("/dev/kvm", os.O_RDWR)
machine = fcntl.ioctl(kvm, KVM_CREATE_VM, 0)
if os.fork() == 0:
    signal.pause()
