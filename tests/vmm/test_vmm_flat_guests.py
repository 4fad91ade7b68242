# SPDX-License-Identifier: Apache-2.0
"""`passthru run` with small real-mode guests on this machine's KVM, software or not.

The bench's tests run this file again on a virtual host, where there always is a KVM.
"""

import fcntl
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flat_guests import Guest

pytestmark = pytest.mark.skipif(
    not os.access("/dev/kvm", os.R_OK | os.W_OK), reason="no /dev/kvm here; the bench has one"
)

MOST_MODULES = 71
"""Of our own, from the command to the machine's end; a start that follows another program's
finds them in no cache."""


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    return Guest(tmp_path)


RESET_WORD = b"passthru: the guest reset itself, which ends it\n"
POWER_OFF_WORD = b"passthru: the guest switched itself off\n"


@pytest.mark.parametrize(
    ("end", "word"),
    [
        ("reset", RESET_WORD),
        ("mov $6, %al\nmov $0xcf9, %dx\nout %al, %dx", RESET_WORD),
        ("power_off", POWER_OFF_WORD),
    ],
)
def test_reset_and_power_off_end_the_machine_with_status_0(guest, end, word):
    done = guest.run(f"print $'A'\n{end}\n1: hlt\njmp 1b")
    assert (done.stdout, done.stderr, done.returncode) == (b"A", word, 0)


def test_a_triple_fault_is_a_crash_with_its_place(guest):
    # With an empty interrupt table in protected mode no fault can be handled.
    done = guest.run(
        """
        print $'A'
        cli
        mov %cs, %ax
        mov %ax, %ds
        lidt empty
        mov %cr0, %eax
        or $1, %al
        mov %eax, %cr0
        xor %bx, %bx
        div %bx
        empty: .word 0, 0, 0
        """
    )
    told = rb"passthru: vCPU 0: the guest crashed by a triple fault, at instruction 0x[0-9a-f]+\n"
    assert (done.stdout, done.returncode) == (b"A", 96), done.stderr
    assert re.fullmatch(told, done.stderr), done.stderr


@pytest.mark.parametrize(
    "end", ["mov $0xfe, %al\nout %al, $0x64", "mov $0x604, %dx\nmov $0x3400, %ax\nout %ax, %dx"]
)
def test_nothing_runs_after_the_access_that_ends_the_machine(guest, end):
    done = guest.run(f"print $'A'\n{end}\nprint $'B'\n1: hlt\njmp 1b")
    assert (done.stdout, done.returncode) == (b"A", 0)


def test_a_start_loads_few_modules(guest):
    python, *command = guest.command("reset")
    timed = [python, "-X", "importtime", *command]
    done = subprocess.run(timed, capture_output=True, text=True, check=True, timeout=60)
    imported = {line.split()[-1] for line in done.stderr.splitlines() if " passthru" in line}
    assert "passthru.vmm.machine" in imported
    assert len(imported) <= MOST_MODULES, sorted(imported)


def test_a_string_instruction_is_every_one_of_its_bytes(guest):
    done = guest.run(
        """
        mov %cs, %ax
        mov %ax, %ds
        mov $text, %si
        mov $5, %cx
        mov $0x3f8, %dx
        cld
        rep outsb
        reset
        text: .ascii "hello"
        """
    )
    assert (done.stdout, done.returncode) == (b"hello", 0)


def test_data_are_loaded_where_the_configuration_says(guest, tmp_path):
    (tmp_path / "data").write_bytes(b"data")
    done = guest.run(
        """
        xor %ax, %ax
        mov %ax, %ds
        mov $0x5000, %si
        mov $4, %cx
        mov $0x3f8, %dx
        rep outsb
        reset
        """,
        memory=f"data load 0x5000,{tmp_path / 'data'}",
    )
    assert (done.stdout, done.returncode) == (b"data", 0)


def test_rom_can_be_read_and_not_written(guest, tmp_path):
    (tmp_path / "rom").write_bytes(b"R" * 4096)
    done = guest.run(
        """
        mov $0xc000, %ax
        mov %ax, %ds
        movb $'W', 0
        mov 0, %bl
        print %bl
        reset
        """,
        memory=f"rom 0xc0000,4k data load 0xc0000,{tmp_path / 'rom'}",
    )
    assert (done.stdout, done.returncode) == (b"R", 0)


def test_where_nothing_is_reads_give_all_ones(guest):
    done = guest.run(
        """
        mov $0xb000, %ax
        mov %ax, %ds
        movb $0, 0
        cmpb $0xff, 0
        jne 2f
        mov $0x300, %dx
        in %dx, %al
        cmp $0xff, %al
        jne 2f
        print $'1'
        2: reset
        """
    )
    assert (done.stdout, done.returncode) == (b"1", 0)


INTERRUPT_SET_UP = """
        cli
        xor %ax, %ax
        mov %ax, %ds
        mov %ax, %ss
        mov $0x8000, %sp
        movw $0x1000 + handler, {vector} * 4
        movw $0, {vector} * 4 + 2
        mov $0x11, %al      # the master PIC from vector 8, only {line} open
        out %al, $0x20
        mov $8, %al
        out %al, $0x21
        mov $4, %al
        out %al, $0x21
        mov $1, %al
        out %al, $0x21
        mov $~(1 << {line}) & 0xff, %al
        out %al, $0x21
"""


def test_the_timer_of_the_kernel_interrupts_through_the_pic(guest):
    done = guest.run(
        INTERRUPT_SET_UP.format(vector=8, line=0)
        + """
        mov $0x34, %al      # counter 0, 100 Hz
        out %al, $0x43
        mov $0x9c, %al
        out %al, $0x40
        mov $0x2e, %al
        out %al, $0x40
        xor %bx, %bx
        sti
        wait: cmp $5, %bx
        jb wait
        print $'T'
        reset
        handler: inc %bx
        mov $0x20, %al
        out %al, $0x20
        iret
        """
    )
    assert (done.stdout, done.returncode) == (b"T", 0)


def test_the_serial_port_interrupts_when_its_transmitter_is_empty(guest):
    done = guest.run(
        INTERRUPT_SET_UP.format(vector=12, line=4)
        + """
        mov $0x3f9, %dx     # transmit interrupt on
        mov $2, %al
        xor %bx, %bx
        sti
        out %al, %dx
        wait: cmp $1, %bx
        jb wait
        print $'S'
        reset
        handler: inc %bx
        mov $0x3fa, %dx
        in %dx, %al
        mov $0x20, %al
        out %al, $0x20
        iret
        """
    )
    assert (done.stdout[:1], done.returncode) == (b"S", 0)


def test_configuration_ports_lead_to_the_host_bridge(guest):
    done = guest.run(
        """
        mov $0xcf8, %dx
        mov $0x80000000, %eax
        out %eax, %dx
        mov $0xcfc, %dx
        in %dx, %eax
        cmp $0x0d578086, %eax
        jne 2f
        print $'B'
        2: reset
        """
    )
    assert (done.stdout, done.returncode) == (b"B", 0)


WAIT_FOR_POWER_BUTTON = """
        print $'W'
        mov $0x600, %dx
        2: in %dx, %ax
        test $1, %ah
        jz 2b
        power_off
"""


def wait_for_output(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.read(1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_the_power_button(guest, number):
    process = guest.start(WAIT_FOR_POWER_BUTTON)
    assert wait_for_output(process) == b"W"
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert b"power button" in errors


def test_a_second_interrupt_ends_a_guest_that_does_not_listen(guest):
    process = guest.start("print $'W'\n2: jmp 2b")
    assert wait_for_output(process) == b"W"
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 3


def test_sigusr1_asks_how_the_guest_fares_and_changes_nothing(guest):
    process = guest.start(WAIT_FOR_POWER_BUTTON)
    assert wait_for_output(process) == b"W"
    process.send_signal(signal.SIGUSR1)
    assert process.stderr.readline() == b"passthru: the guest runs, with 1 virtual processor\n"
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_sigusr2_asks_for_a_dump_that_there_is_not_and_ends_nothing(guest):
    process = guest.start(WAIT_FOR_POWER_BUTTON)
    assert wait_for_output(process) == b"W"
    process.send_signal(signal.SIGUSR2)
    assert process.stderr.readline() == b"passthru: no dump is written: `run` has none\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0


def scheduling_of(process: subprocess.Popen[bytes]) -> list[tuple[int, int, str]]:
    """Policy, real-time priority and processors of each thread (proc_pid_stat(5), 40 and 41)."""
    found = []
    for thread in Path(f"/proc/{process.pid}/task").iterdir():
        words = (thread / "stat").read_text().rpartition(")")[2].split()
        lines = (thread / "status").read_text().splitlines()
        (allowed,) = (line.split()[1] for line in lines if line.startswith("Cpus_allowed_list"))
        found.append((int(words[38]), int(words[37]), allowed))
    return sorted(found)


@pytest.mark.parametrize(
    ("sched", "policy", "priority"),
    [("sched 20f", os.SCHED_FIFO, 20), ("sched 8", os.SCHED_RR, 8), ("", os.SCHED_OTHER, 0)],
)
def test_a_scheduled_vcpu_s_thread_alone_is_where_and_what_it_shall_be(
    guest, sched, policy, priority
):
    processor = max(os.sched_getaffinity(0))
    process = guest.start(WAIT_FOR_POWER_BUTTON, cpu=f"cpu runmask {processor} {sched}")
    assert wait_for_output(process) == b"W", process.communicate(timeout=30)
    threads = scheduling_of(process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert (policy, priority, str(processor)) in threads
    others = [each for each in threads if each != (policy, priority, str(processor))]
    assert others
    assert all(each[:2] == (os.SCHED_OTHER, 0) for each in others)
    allowed = os.sched_getaffinity(0)
    assert len(allowed) == 1 or all(each[2] != str(processor) for each in others)


def test_a_scheduled_vcpu_that_the_process_may_not_have_starts_no_guest(guest):
    command = guest.command("print $'A'\npower_off", cpu="cpu runmask 0 sched 20f")
    without_right = ["setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice"]
    done = subprocess.run(
        [*without_right, "prlimit", "--rtprio=0", *command],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.returncode) == (b"", 64), done.stderr
    assert b"SCHED_FIFO with priority 20 for vCPU 0: Operation not permitted" in done.stderr
    assert b"CAP_SYS_NICE" in done.stderr


def test_a_processor_that_is_not_there_starts_no_guest(guest):
    done = guest.run("print $'A'\npower_off", cpu="cpu runmask 4095")
    assert (done.stdout, done.returncode) == (b"", 65), done.stderr
    assert b"the board has no processor 4095" in done.stderr


def test_a_processor_that_is_kept_from_the_process_starts_no_guest(guest):
    first, *others = sorted(os.sched_getaffinity(0))
    if not others:
        pytest.skip("this host has one processor")
    command = guest.command("print $'A'\npower_off", cpu=f"cpu cluster _cpu-{others[0]}")
    done = subprocess.run(
        ["taskset", "-c", str(first), *command], capture_output=True, timeout=60, check=False
    )
    assert (done.stdout, done.returncode) == (b"", 64), done.stderr
    assert f"this process may run on {first} only".encode() in done.stderr


@pytest.mark.parametrize(
    ("logger", "output", "errors"),
    [
        ("", b"", b"passthru: Exiting: dryrun complete\n"),
        ("logger warn,info stdout", b"passthru: Exiting: dryrun complete\n", b""),
        ("logger fatal,error stderr", b"", b""),
        ("logger info none", b"", b""),
    ],
)
def test_remarks_go_where_logger_sends_them(guest, logger, output, errors):
    done = guest.run("power_off", cpu=f"dryrun {logger} cpu")
    assert (done.stdout, done.stderr, done.returncode) == (output, errors, 0)


def test_sigquit_cuts_the_power_at_once(guest):
    process = guest.start("print $'W'\n2: jmp 2b")
    assert wait_for_output(process) == b"W"
    process.send_signal(signal.SIGQUIT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (3, b"passthru: the guest was ended from outside\n")


ECHO = """
        2: mov $0x3fd, %dx
        in %dx, %al
        test $1, %al
        jz 2b
        mov $0x3f8, %dx
        in %dx, %al
        cmp $'.', %al
        je 3f
        out %al, %dx
        jmp 2b
        3: reset
"""


def test_standard_input_reaches_the_serial_port(guest):
    process = guest.start(ECHO, console="-")
    output, _ = process.communicate(b"echo.", timeout=30)
    assert (output, process.returncode) == (b"echo", 0)


def test_more_input_than_the_port_holds_waits_for_the_guest(guest):
    process = guest.start(ECHO, console="-")
    text = b"0123456789" * 1500
    output, _ = process.communicate(text + b".", timeout=60)
    assert (output, process.returncode) == (text, 0)


def test_two_interrupts_end_a_guest_whose_output_nobody_reads(guest):
    process = guest.start("print $'W'\n2: out %al, %dx\njmp 2b")
    assert wait_for_output(process) == b"W"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 3


def has_hardware_virtualization() -> bool:
    flags = Path("/proc/cpuinfo").read_text().split()
    return "vmx" in flags or "svm" in flags


def test_a_file_takes_the_console(guest, tmp_path):
    process = guest.start("print $'F'\nreset", console=f">{tmp_path / 'console'}")
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert (tmp_path / "console").read_bytes() == b"F"


def run_words(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "passthru", "run", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        (None, ["load", "missing"], "load missing: No such file"),
        (b"", ["load", "image"], "empty file"),
        (b"#!/bin/sh\n", ["guest", "load", "image"], "image: not a guest image"),
        (b"\0" * 0x38 + b"ARMd" + b"\0" * 64, ["load", "image"], "arm64"),
        (b"\x1f\x8b\x08" + b"\0" * 64, ["load", "image"], "gzip"),
        (b"\x90" * (700 << 10), ["load", "image"], "RAM"),
    ],
)
def test_a_bad_image_is_refused_with_status_64_before_the_start(tmp_path, content, words, message):
    if content is not None:
        (tmp_path / "image").write_bytes(content)
    done = run_words("system", "bad", "ram", "0,640k", *words, cwd=tmp_path)
    assert message in done.stderr
    assert done.returncode == 64


def test_a_kernel_on_a_software_kvm_is_refused_and_sent_to_the_bench(tmp_path):
    if has_hardware_virtualization():
        pytest.skip("this KVM is real")
    (tmp_path / "vmlinuz").write_bytes(b"\0" * 0x202 + b"HdrS" + b"\0" * 0x10000)
    done = run_words("ram", "64M", "load", "vmlinuz", cwd=tmp_path)
    assert "software implementation" in done.stderr
    assert "passthru bench run" in done.stderr
    assert done.returncode == 64


def test_dryrun_does_all_but_start(guest):
    done = subprocess.run(
        [*guest.command("print $'A'\nreset"), "dryrun"],
        capture_output=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert (done.stdout, done.returncode) == (b"", 0)
    assert b"dryrun complete" in done.stderr


def test_the_status_is_the_guest_s_where_nobody_reads_the_word_about_its_end(guest):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        guest.command("power_off"), stdin=subprocess.DEVNULL, stderr=writer, timeout=60, check=False
    )
    os.close(writer)
    assert done.returncode == 0


def test_a_reader_that_leaves_ends_the_guest_with_a_word(guest):
    # What `| head -c 1` does to a guest that goes on printing.
    process = guest.start("print $'W'\n2: out %al, %dx\njmp 2b")
    assert wait_for_output(process) == b"W"
    process.stdout.close()
    assert process.wait(timeout=30) == 3
    told = b"passthru: nothing reads the standard output any more: the guest is ended\n"
    assert process.stderr.read() == told


def test_the_power_button_of_a_guest_whose_output_nobody_reads(guest):
    # It prints for ever, at full speed, until the button is pressed.
    process = guest.start(
        """
        print $'W'
        mov $0x3f8, %bx
        2: mov %bx, %dx
        out %al, %dx
        mov $0x600, %dx
        in %dx, %ax
        test $1, %ah
        jz 2b
        power_off
        """
    )
    assert wait_for_output(process) == b"W"
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    assert b"the guest switched itself off" in process.stderr.read()


def test_an_error_output_that_nobody_reads_does_not_keep_the_guest_from_its_end(guest):
    reader, writer = os.pipe()
    os.write(writer, bytes(fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)))
    process = subprocess.Popen(
        guest.command(WAIT_FOR_POWER_BUTTON),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=writer,
    )
    assert wait_for_output(process) == b"W"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    process.stdout.close()
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("closed", [">&-", "<&- >&-", "<&- >&- 2>&-"])
def test_the_console_goes_nowhere_where_the_standard_output_is_closed(guest, closed):
    command = shlex.join(guest.command("print $'W'\nreset", console="-"))
    assert (
        subprocess.run(f"{command} {closed}", shell=True, check=False, timeout=60).returncode == 0
    )


def test_sighup_ends_the_guest_at_once(guest):
    process = guest.start(WAIT_FOR_POWER_BUTTON)
    assert wait_for_output(process) == b"W"
    process.send_signal(signal.SIGHUP)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (3, b"passthru: the guest was ended from outside\n")


def test_nohup_is_respected(guest):
    process = subprocess.Popen(
        ["nohup", *guest.command(WAIT_FOR_POWER_BUTTON)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert wait_for_output(process) == b"W"
    process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_an_instruction_that_kvm_cannot_emulate_is_told_with_its_place(guest):
    if has_hardware_virtualization():
        pytest.skip("this KVM is real: it lets the processor raise the exception")
    done = guest.run("print $'A'\nud2")
    told = rb"passthru: vCPU 0: KVM cannot emulate an instruction of the guest"
    assert re.match(told + rb" \(code: 0f 0b [0-9a-f ]+\), at instruction 0x1006\n", done.stderr)
    assert (done.stdout, done.returncode) == (b"A", 5)


def test_a_guest_that_halts_with_interrupts_off_is_remarked_once(guest):
    process = guest.start("print $'W'\ncli\nhlt")
    assert wait_for_output(process) == b"W"
    assert process.stderr.readline() == (
        b"passthru: the guest sleeps for ever: vCPU 0 has halted with interrupts off, before "
        b"instruction 0x1008 (only a non-maskable interrupt would wake it)\n"
    )
    time.sleep(7)
    process.send_signal(signal.SIGQUIT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (3, b"passthru: the guest was ended from outside\n")


def test_a_guest_that_halts_with_interrupts_on_is_asleep_and_no_more(guest):
    process = guest.start("print $'W'\nsti\n2: hlt\njmp 2b")
    assert wait_for_output(process) == b"W"
    time.sleep(7)
    process.send_signal(signal.SIGQUIT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (3, b"passthru: the guest was ended from outside\n")
