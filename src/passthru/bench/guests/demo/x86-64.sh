# SPDX-License-Identifier: Apache-2.0
#
# What the demo guest on the board x86-64 shows; run by init.sh.

# The boot parameters say where the boot loader left the initramfs: guest-physical start
# at 0x218 and size at 0x21c (Linux: Documentation/arch/x86/boot.rst).
boot_parameter() {
    hexdump -s "$1" -n 4 -e '1/4 "0x%x"' /sys/kernel/boot_params/data
}

check_initrd() {
    start=$(boot_parameter 0x218)
    size=$(boot_parameter 0x21c)
    wanted=$(boot_argument demo.initrd)
    text="initramfs at $start, $((size / 1024)) KiB"
    if [ $((start)) -eq $((wanted)) ]; then
        passed initrd "$text, passed from host memory"
    else
        failed initrd "$text, not at ${wanted:-the place demo.initrd= names}"
    fi
}

check_nvme() {
    read -r size digest </expected
    if ! wait_for 20 test -b /dev/nvme0n1; then
        failed nvme "no disk appeared"
        return
    fi
    found=$(head -c "$size" /dev/nvme0n1 | sha256sum)
    if [ "${found%% *}" = "$digest" ]; then
        passed nvme "$((size / 1024)) KiB read by DMA, content as expected"
    else
        failed nvme "content is ${found%% *}, not $digest"
    fi
}

check_audio() {
    if wait_for 30 test -e /proc/asound/card0/codec#0; then
        passed audio "$(head -n 1 /proc/asound/card0/codec#0)"
    else
        failed audio "no codec found"
    fi
}

# The kernel lists a function's message-signalled interrupts, a file each, while they are
# enabled; the file says "msi" or "msix" (Linux: Documentation/ABI/testing/sysfs-bus-pci).
interrupt_kind() { # FUNCTION: MSI, MSI-X or INTx
    case $(cat /sys/bus/pci/devices/"$1"/msi_irqs/* 2>/dev/null | sort -u) in
    msix) echo MSI-X ;;
    msi) echo MSI ;;
    *) echo INTx ;;
    esac
}

check_interrupts() {
    nvme=$(interrupts ' nvme0q')
    audio=$(interrupts ' snd_hda_intel')
    nvme_kind=$(interrupt_kind 0000:00:03.0)
    audio_kind=$(interrupt_kind 0000:00:0e.0)
    text="$nvme from the disk ($nvme_kind), $audio from the audio controller ($audio_kind)"
    if [ "$nvme_kind $audio_kind" != "MSI-X MSI" ]; then
        failed interrupts "$text, not MSI-X and MSI"
    elif [ "$nvme" -gt 0 ] && [ "$audio" -gt 0 ]; then
        passed interrupts "$text"
    else
        failed interrupts "$text"
    fi
}

check_initrd
check_nvme
check_audio
check_interrupts
