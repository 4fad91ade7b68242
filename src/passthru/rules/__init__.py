# SPDX-License-Identifier: Apache-2.0
"""The rules: every finding that needs more than the text that a word stands in.

``check`` calls them all. They stand by subject: ``guest_map`` (the guest's addresses and ports),
``interrupts``, ``dma``, ``blobs``, ``host_memory`` and ``host_functions`` (what a board must be
known for), ``claimed_twice`` (of the host), ``architecture`` (x86 or ARM), ``peers`` and
``vdev_options``. ``qvm`` applies those that depend on QNX's hypervisor, to what ``qvm_machine``
knows of its guests; ``incomplete`` leaves out what a text that is read only in part cannot show.
``users`` and ``passed_memory`` gather what several of them look at.

``system`` calls those about several VMs on one host: the modules ``shared_…``, which find who
wants the same with the ``sweep`` over sorted ranges.
"""
