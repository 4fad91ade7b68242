# SPDX-License-Identifier: Apache-2.0
"""Bare-metal guests for arm64 that count the interrupts of a device of QEMU's ``virt``.

All print ``D`` when all came, ``S`` if the GIC ever gave them another one, and switch off.
"""

_SET_UP = """
    adr x0, vectors
    msr vbar_el1, x0
    mov x0, #7
    msr S3_0_C12_C12_5, x0          // ICC_SRE_EL1
    isb
    mov x0, #0xff
    msr S3_0_C4_C6_0, x0            // ICC_PMR_EL1
    mov x0, #1
    msr S3_0_C12_C12_7, x0          // ICC_IGRPEN1_EL1
    ldr x1, =0x2f000000
    mov w0, #0x12
    str w0, [x1]                    // GICD_CTLR: affinity routing, group 1
    mov w0, #-1
    str w0, [x1, #0x80 + {line} / 32 * 4]           // GICD_IGROUPR
    ldr w0, ={edge} << ({line} % 16 * 2 + 1)
    str w0, [x1, #0xc00 + {line} / 16 * 4]          // GICD_ICFGR
    ldr w0, =1 << ({line} % 32)
    str w0, [x1, #0x100 + {line} / 32 * 4]          // GICD_ISENABLER
    mov x20, #0                     // interrupts of the line
    mov x22, #0                     // others
"""

_WAIT = """
    // Until x20 is no longer x21: no interrupt comes between the look and the wait.
3:  msr daifset, #2
    cmp x20, x21
    b.ne 4f
    wfi
    msr daifclr, #2
    isb
    b 3b
4:  msr daifclr, #2
"""

_END = """
finish:
    cbnz x22, 5f
    print_character #0x44
    power_off
5:  print_character #0x53
    power_off
    .ltorg
    .balign 2048
vectors:
    .space 0x280
    mrs x9, S3_0_C12_C12_0          // ICC_IAR1_EL1
    cmp x9, #{line}
    b.ne 6f
    {acknowledge}
    add x20, x20, #1
    msr S3_0_C12_C12_1, x9          // ICC_EOIR1_EL1
    eret
6:  cmp x9, #27                     // the timer that ended a wfi may still be there,
    b.eq 7f
    cmp x9, #1023                   // or be gone since
    b.eq 7f
    add x22, x22, #1
7:  msr S3_0_C12_C12_1, x9
    eret
"""

_GPIO = """
    ldr x19, =0x9030000
    ldr w2, [x19, #0x3fc]           // the pins; w3 is what they are not
    mvn w3, w2
    str wzr, [x19, #0x410]          // GPIOIE
    mov w0, #0xff
    str w0, [x19, #0x404]           // GPIOIS: by level
    str w3, [x19, #0x40c]           // GPIOIEV
    str w0, [x19, #0x41c]           // GPIOIC
    mov w0, #1
    str w0, [x19, #0x410]
next:
    mov x21, x20
    {before}
    str w2, [x19, #0x40c]           // the level that it has: an interrupt until that changes
    {wait}
    {until}
    b next
"""
_GPIO_ACKNOWLEDGE = """
    str w3, [x19, #0x40c]
    mov w10, #0xff
    str w10, [x19, #0x41c]
    ldr w10, [x19, #0x418]          // GPIOMIS: the device has it before the GIC
"""

_ENTROPY = """
    ldr x19, =0xa003e00             // virtio-mmio, version 1 of its registers
    ldr x23, ={queue:#x}
    str wzr, [x19, #0x70]           // status, step by step
    mov w0, #3
    str w0, [x19, #0x70]
    str wzr, [x19, #0x24]
    str wzr, [x19, #0x20]           // no features
    mov w0, #4096
    str w0, [x19, #0x28]            // bytes of a page
    str wzr, [x19, #0x30]
    mov w1, #8
    str w1, [x19, #0x38]            // entries of the queue
    str w0, [x19, #0x3c]            // its alignment
    lsr x0, x23, #12
    str w0, [x19, #0x40]            // its page
    add x0, x23, #0x800
    str x0, [x23]                   // descriptor 0: four bytes that the device writes
    mov w0, #4
    str w0, [x23, #8]
    mov w0, #2
    str w0, [x23, #12]
    str xzr, [x23, #0x80]           // the ring of what is available: flags, index, entries
    str xzr, [x23, #0x88]
    str wzr, [x23, #0x90]
    mov w0, #7
    str w0, [x19, #0x70]
    mov w24, #0
next:
    mov x21, x20
    add w24, w24, #1
    strh w24, [x23, #0x82]
    dsb sy
    str wzr, [x19, #0x50]           // tell the device
    {wait}
    cmp x20, #{count}
    b.lt next
    cbnz x22, finish
    print_character #0x44
    ldr x0, =uart                   // the end waits for a character
8:  ldr w1, [x0, #0x18]
    tbnz w1, #4, 8b
    power_off
"""
_ENTROPY_ACKNOWLEDGE = """
    ldr w10, [x19, #0x60]
    str w10, [x19, #0x64]
"""

_TIME_STAMP = """
    isb
    mrs x25, cntvct_el0             // the device raises it now
"""
_TIMED_ACKNOWLEDGE = f"""
    mrs x10, cntvct_el0
    sub x10, x10, x25
    str x10, [x26], #8
{_GPIO_ACKNOWLEDGE}"""
_TIMES = """
finish:
    adr x1, times
    mrs x2, cntfrq_el0
    str x2, [x26]
    ldr x0, =uart
9:  ldr x2, [x1], #8                // each in 8 hexadecimal digits, the frequency last
    mov w3, #28
10: lsr w4, w2, w3
    and w4, w4, #15
    cmp w4, #10
    add w5, w4, #0x30
    add w6, w4, #0x57
    csel w4, w5, w6, lo
    str w4, [x0]
    subs w3, w3, #4
    b.pl 10b
    mov w4, #10
    str w4, [x0]
    cmp x1, x26
    b.ls 9b
    power_off
"""
_TABLE = """
    .balign 8
times:
"""

_COUNTED = """
    cmp x20, #{count}
    b.ge finish
"""

_TOLD = """
    // Five times a second, until a character comes.
    msr daifset, #2
    mrs x0, cntfrq_el0
    mov x1, #5
    udiv x0, x0, x1
    msr cntv_tval_el0, x0
    mov x0, #1
    msr cntv_ctl_el0, x0
    wfi
    msr cntv_ctl_el0, xzr
    msr daifclr, #2
    ldr x0, =uart
    ldr w0, [x0, #0x18]
    tbnz w0, #4, next
    cmp x20, #{count}
    b.ge finish
    add x22, x22, #1
    b finish
"""


def counts_gpio_interrupts(count: int, line: int = 39) -> str:
    """Counts level-triggered interrupts that the PL061 at 0x9030000 raises on ``line``."""
    return _gpio(_COUNTED.format(count=count), line)


def counts_gpio_interrupts_until_told(count: int, line: int = 39) -> str:
    """The same until a character comes at the serial port; at least ``count``, or it is ``S``."""
    enable_timer = """
    ldr x1, =0x2f110000             // the redistributor's second frame
    mov w0, #-1
    str w0, [x1, #0x80]             // GICR_IGROUPR0
    mov w0, #(1 << 27)
    str w0, [x1, #0x100]            // GICR_ISENABLER0: the virtual timer, which ends a wfi
    """
    return enable_timer + _gpio(_TOLD.format(count=count), line)


def times_gpio_interrupts(count: int, line: int = 39) -> str:
    """Prints how long each of ``count`` took from the device to here, in ticks.

    A hexadecimal number a line, after all of them the ticks of a second.
    """
    end = _END.format(line=line, acknowledge=_TIMED_ACKNOWLEDGE)
    return (
        "adr x26, times\n"
        + _SET_UP.format(line=line, edge=0)
        + _GPIO.format(before=_TIME_STAMP, wait=_WAIT, until=_COUNTED.format(count=count))
        + _TIMES
        + end.replace("finish:", "never:")
        + _TABLE
    )


def _gpio(until: str, line: int) -> str:
    return (
        _SET_UP.format(line=line, edge=0)
        + _GPIO.format(before="", wait=_WAIT, until=until)
        + _END.format(line=line, acknowledge=_GPIO_ACKNOWLEDGE)
    )


def counts_entropy_interrupts(count: int, queue: int, line: int = 79) -> str:
    """Counts edge-triggered interrupts of the entropy source at 0xa003e00, one a request.

    ``queue`` is the address of two pages that the device reaches at the same place. It waits
    for a character at the serial port between printing and switching off.
    """
    return (
        _SET_UP.format(line=line, edge=1)
        + _ENTROPY.format(wait=_WAIT, count=count, queue=queue)
        + _END.format(line=line, acknowledge=_ENTROPY_ACKNOWLEDGE)
    )
