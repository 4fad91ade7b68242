# SPDX-License-Identifier: Apache-2.0
"""`passthru run` with bare-metal guests on the KVM of virtual arm64 hosts."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from arm_guests import make_elf, make_flat
from passthru.bench.architectures import AARCH64
from passthru.bench.boards import load_board
from passthru.bench.host_session import Completed
from passthru.bench.inner_command import passthru_command
from passthru.bench.virtual_host import VirtualHost
from public_guests import BARE_METAL, CORPUS, ZEPHYR

pytestmark = pytest.mark.bench

HELLO = 'print "hello from arm64\\n"\npower_off'
POWER_OFF_WORD = "passthru: the guest switched itself off\n"
GREETED = f"hello from arm64\n{POWER_OFF_WORD}"
PL011 = "vdev pl011 loc 0x1c090000 intr gic:37 hostdev >-\n"
NUMBERS = itertools.count()


def run(host: VirtualHost, text: str, image: Path) -> Completed:
    """Run a configuration whose ``{image}`` is the file."""
    directory = host.exchange / str(next(NUMBERS))
    directory.mkdir()
    inner = directory / image.name
    inner.write_bytes(image.read_bytes())
    config = directory / "guest.qvmconf"
    config.write_text(text.format(image=inner))
    return host.run(passthru_command(["run", f"@{config}"], AARCH64), timeout=90, silence=60)


@pytest.fixture(scope="module")
def gicv2_host() -> Iterator[VirtualHost]:
    with VirtualHost(load_board("arm64-gicv2")) as booted:
        yield booted


def test_a_public_configuration_prints_on_its_serial_port(
    arm_host: VirtualHost, tmp_path: Path
) -> None:
    done = run(arm_host, BARE_METAL, make_flat(tmp_path, HELLO))
    assert (done.status, done.text) == (0, GREETED)


def test_a_public_configuration_with_gicv2_runs_where_the_host_has_it(
    gicv2_host: VirtualHost, tmp_path: Path
) -> None:
    done = run(gicv2_host, ZEPHYR, make_elf(tmp_path, HELLO, 0x80000000))
    assert (done.status, done.text) == (0, GREETED)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")
def test_the_public_files_run_with_another_image(
    arm_host: VirtualHost, gicv2_host: VirtualHost, tmp_path: Path
) -> None:
    flat = make_flat(tmp_path, HELLO)
    for host, name, image, guest in (
        (arm_host, "49-tc3-hello-guest", "/guests/hello-guest.bin", flat),
        (gicv2_host, "50-zephyr-qnxhv_vm", "./zephyr.elf", make_elf(tmp_path, HELLO, 0x80000000)),
    ):
        text = (CORPUS / f"{name}.qvmconf").read_text()
        assert text.count(image) == 1
        done = run(host, text.replace(image, "{image}"), guest)
        assert (done.status, done.text) == (0, GREETED), name


def test_a_gic_that_the_host_lacks_is_refused_with_the_one_it_has(
    arm_host: VirtualHost, gicv2_host: VirtualHost, tmp_path: Path
) -> None:
    image = make_elf(tmp_path, HELLO, 0x80000000)
    for host, asked, other in ((arm_host, 2, 3), (gicv2_host, 3, 2)):
        done = run(host, ZEPHYR.replace("version 2", f"version {asked}"), image)
        assert done.status == 64
        assert f"this host gives its guests no GICv{asked}" in done.text
        assert f"vdev gic version {other}" in done.text


@pytest.mark.parametrize("address", ["0", "0x40000000", "0x1080000000"])
def test_ram_may_be_at_any_address(address: str, arm_host: VirtualHost, tmp_path: Path) -> None:
    text = f"ram {address},1M\nload {{image}}\n{PL011}"
    done = run(arm_host, text, make_flat(tmp_path, HELLO))
    assert (done.status, done.text) == (0, GREETED)


def test_a_reset_ends_the_machine_and_is_told_from_a_power_off(
    arm_host: VirtualHost, tmp_path: Path
) -> None:
    text = f"ram 0x40000000,1M\nload {{image}}\n{PL011}"
    done = run(arm_host, text, make_flat(tmp_path, 'print "again\\n"\nreset'))
    assert (done.status, done.text) == (
        0,
        "again\npassthru: the guest reset itself, which ends it\n",
    )


WAITING = b"waiting"
# The second processor spins, the first sleeps; nobody ends them.
TIRELESS = f"""
    ldr x0, =0xc4000003
    mov x1, #1
    adr x2, 2f
    hvc #0
    print "{WAITING.decode()}"
1:  wfi
    b 1b
2:  b 2b
"""


@pytest.mark.parametrize(
    ("signal", "status"), [("INT", 3), ("TERM", 3), ("QUIT", 3), ("KILL", 137)]
)
def test_a_signal_ends_a_guest_that_has_no_power_button(
    signal: str, status: int, arm_host: VirtualHost, tmp_path: Path
) -> None:
    (arm_host.exchange / "guest.bin").write_bytes(make_flat(tmp_path, TIRELESS).read_bytes())
    text = f"ram 0x40000000,1M cpu cpu load {arm_host.exchange}/guest.bin {PL011}"
    # A shell tells on its error output who has been killed.
    script = """
        exec 2>/dev/null
        mkfifo /tmp/console
        "$@" >/tmp/console 2>&1 & guest=$!
        head -c 7 </tmp/console; kill -SIGNAL $guest; wait $guest; status=$?
        rm /tmp/console; exit $status
    """.replace("SIGNAL", signal)
    command = passthru_command(["run", *text.split()], AARCH64)
    done = arm_host.run(["sh", "-c", script, "sh", *command], timeout=60)
    assert (done.status, done.output) == (status, WAITING)


def test_a_scheduled_vcpu_s_thread_is_where_and_what_it_shall_be(
    arm_host: VirtualHost, tmp_path: Path
) -> None:
    (arm_host.exchange / "guest.bin").write_bytes(make_flat(tmp_path, TIRELESS).read_bytes())
    text = (
        f"ram 0x40000000,1M cpu runmask 1 sched 20f cpu cluster _cpu-0 sched 8 "
        f"load {arm_host.exchange}/guest.bin {PL011}"
    )
    script = """
        mkfifo /tmp/console
        "$@" >/tmp/console & guest=$!
        head -c 7 </tmp/console
        for task in /proc/$guest/task/*; do
            echo; grep Cpus_allowed_list: $task/status; cat $task/stat
        done
        kill -QUIT $guest; wait $guest; status=$?
        rm /tmp/console; exit $status
    """
    command = passthru_command(["run", *text.split()], AARCH64)
    done = arm_host.run(["sh", "-c", script, "sh", *command], timeout=60)
    assert done.status == 3, done.text
    found = re.findall(r"Cpus_allowed_list:\s+(\S+)\n.*\) (.*)", done.text)
    # Priority and policy: fields 40 and 41 of proc_pid_stat(5), of which the name is the second.
    threads = {(allowed, *map(int, stat.split()[37:39])) for allowed, stat in found}
    assert threads == {("0-1", 0, 0), ("1", 20, 1), ("0", 8, 2)}, done.text


TWO_PROCESSORS = """
    mrs x20, mpidr_el1
    and x20, x20, #0xff
    cbnz x20, second
    // PSCI CPU_ON: processor 1, at second, with 0x61 for its x0.
    ldr x0, =0xc4000003
    mov x1, #1
    adr x2, second
    mov x3, #0x61
    hvc #0
    adr x4, told
1:  ldar w5, [x4]
    cbz w5, 1b
    print_character #0x62
    // PSCI AFFINITY_INFO: wait until it is off.
2:  ldr x0, =0xc4000004
    mov x1, #1
    mov x2, #0
    hvc #0
    cmp x0, #1
    b.ne 2b
    print "!"
    power_off
second:
    print_character w0
    adr x4, told
    mov w5, #1
    stlr w5, [x4]
    psci 0x84000002
told: .word 0
"""


def test_a_second_processor_is_switched_on_and_off(arm_host: VirtualHost, tmp_path: Path) -> None:
    text = f"ram 0x40000000,1M\ncpu cpu\nload {{image}}\n{PL011}"
    done = run(arm_host, text, make_flat(tmp_path, TWO_PROCESSORS))
    assert (done.status, done.text) == (0, f"ab!{POWER_OFF_WORD}")


def test_a_guest_whose_processors_are_all_off_is_remarked(
    arm_host: VirtualHost, tmp_path: Path
) -> None:
    (arm_host.exchange / "off.bin").write_bytes(make_flat(tmp_path, "psci 0x84000002").read_bytes())
    text = f"ram 0x40000000,1M cpu cpu load {arm_host.exchange}/off.bin {PL011}"
    script = '"$@" & sleep 25; kill -QUIT $!; wait $!'
    command = passthru_command(["run", *text.split()], AARCH64)
    done = arm_host.run(["sh", "-c", script, "sh", *command], timeout=90)
    told = "the guest sleeps for ever: vCPU 0 is switched off; vCPU 1 is switched off"
    assert done.text == f"passthru: {told}\npassthru: the guest was ended from outside\n"
    assert done.status == 3


# Sets up the GICv3, lets one source interrupt, and tells which one it was.
INTERRUPTED = """
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
    str w0, [x1, #0x84]             // GICD_IGROUPR1
    mov w0, #(1 << 5)
    str w0, [x1, #0x104]            // GICD_ISENABLER1: line 37
    ldr x1, =0x2f110000             // the redistributor's second frame
    mov w0, #-1
    str w0, [x1, #0x80]             // GICR_IGROUPR0
    mov w0, #(1 << 27)
    str w0, [x1, #0x100]            // GICR_ISENABLER0: the virtual timer
    {source}
    msr daifclr, #2
1:  wfi
    b 1b
    .balign 2048
vectors:
    .space 0x280
    mrs x0, S3_0_C12_C12_0          // ICC_IAR1_EL1
    cmp x0, #{line}
    b.ne 3f
    print "{line}"
3:  power_off
"""
TIMER = "mov x0, #0x1000\nmsr cntv_tval_el0, x0\nmov x0, #1\nmsr cntv_ctl_el0, x0"
TRANSMITTER = (
    "ldr x1, =uart\nmov w0, #0x20\nstr w0, [x1, #0x38]\n"  # IMSC: transmitted
    "print_character #0x2e"
)
RECEIVER = "ldr x1, =uart\nmov w0, #0x10\nstr w0, [x1, #0x38]"  # IMSC: received


@pytest.mark.parametrize(
    ("source", "line", "printed"),
    [(TIMER, 27, "27"), (TRANSMITTER, 37, ".37"), (RECEIVER, 37, "37")],
    ids=["timer", "transmitter", "receiver"],
)
def test_interrupts_come(
    source: str, line: int, printed: str, arm_host: VirtualHost, tmp_path: Path
) -> None:
    image = make_flat(tmp_path, INTERRUPTED.format(source=source, line=line))
    text = f"ram 0x40000000,1M\nload {{image}}\n{PL011}"
    if source is RECEIVER:
        (arm_host.exchange / "input").write_text("x")
        text += f"hostdev <{arm_host.exchange}/input\n"
    done = run(arm_host, text, image)
    assert (done.status, done.text) == (0, printed + POWER_OFF_WORD)


def test_an_access_that_cannot_be_taken_apart_ends_with_its_place(
    arm_host: VirtualHost, tmp_path: Path
) -> None:
    image = make_flat(tmp_path, "ldr x0, =uart\nldp x1, x2, [x0]")
    done = run(arm_host, f"ram 0x40000000,1M\nload {{image}}\n{PL011}", image)
    assert done.status == 5
    told = r"vCPU 0: .* KVM cannot take apart, at instruction 0x40000004"
    assert re.search(told, done.text), done.text


ABORTED = """
    adr x0, vectors
    msr vbar_el1, x0
    ldr x1, =0x90000000
    mov x2, #0x55
    mov x3, #0
    ldr w3, [x1, #8]
    str w2, [x1, #8]
    ldr w4, [x1, #8]
    cmp w3, w4
    b.ne 9f
    ldr x1, =0x90001000
    ldr w2, [x1, #4]
    str w2, [x1]
    ldp x4, x5, [x1, #16]
    cmp x2, #0x55
    b.ne 9f
    print "kept\\n"
9:  power_off
hexadecimal:
    mov x20, #60
1:  lsr x21, x19, x20
    and x21, x21, #15
    cmp x21, #10
    add x22, x21, #0x30
    add x23, x21, #0x57
    csel x22, x22, x23, lo
    print_character w22
    subs x20, x20, #4
    b.ge 1b
    print_character #0x20
    ret
aborted:
    mrs x19, esr_el1
    bl hexadecimal
    mrs x19, far_el1
    bl hexadecimal
    mrs x19, elr_el1
    add x19, x19, #4
    msr elr_el1, x19
    eret
    .balign 2048
vectors:
    .space 0x200
    b aborted
"""
GUARDED = (
    "pass loc mem:0x90000000,0x1000,rne=0x88000000\npass loc mem:0x90001000,0x1000,ne=0x88001000\n"
)


@pytest.mark.shows("access-e")
def test_what_e_guards_raises_an_external_abort_in_the_guest(
    arm_host: VirtualHost, tmp_path: Path
) -> None:
    text = f"ram 0x40000000,1M\nload {{image}}\n{PL011}{GUARDED}"
    done = run(arm_host, text, make_flat(tmp_path, ABORTED))
    assert done.status == 0, done.text
    *told, kept = done.text.splitlines()[-2].split(" ")
    numbers = [int(word, 16) for word in told]
    syndromes, addresses = numbers[::2], numbers[1::2]
    # A data abort at the same level, synchronous and external.
    assert {(each >> 26, each & 0x3F) for each in syndromes} == {(0x25, 0x10)}
    assert addresses == [0x90000008, 0x90001004, 0x90001000, 0x90001010]
    assert kept == "kept"
