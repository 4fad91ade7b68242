# SPDX-License-Identifier: Apache-2.0
#
# Tells what this guest has got; run by init.sh.

driver_of() { # FUNCTION
    [ -e "$1/driver" ] && basename "$(readlink "$1/driver")" || echo "no driver"
}

interrupts_of() { # FUNCTION: how many came, message-signalled or wired
    lines=$(ls "$1/msi_irqs" 2>/dev/null || cat "$1/irq")
    total=0
    for line in $lines; do
        total=$((total + $(interrupts "^ *$line:")))
    done
    echo "$total"
}

say() { echo "guest: $*"; }

settled() { [ "$(cat /proc/partitions /proc/asound/cards 2>/dev/null)" = "$seen" ]; }

# Drivers probe in their own time: wait until nothing new comes.
for _ in 1 2 3 4 5; do
    settled && break
    seen=$(cat /proc/partitions /proc/asound/cards 2>/dev/null)
    sleep 1
done

say "$(nproc) processors, $(awk '/MemTotal/ { print int($2 / 1024) }' /proc/meminfo) MiB of RAM"
for function in /sys/bus/pci/devices/*; do
    ids=$(sed 's/^0x//' "$function/vendor" "$function/device" | tr '\n' ':')
    say "${function##*/} [${ids%:}] $(driver_of "$function"), $(interrupts_of "$function") interrupts"
done
awk 'NR > 2 { print "guest: disk " $4 ", " $3 " KiB" }' /proc/partitions
sed -n 's/^ *\([0-9]\) \[.*: /guest: sound card \1: /p' /proc/asound/cards 2>/dev/null
