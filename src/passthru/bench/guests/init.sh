#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
#
# Init of a guest on the bench: loads its drivers, runs /checks, powers off. Each check
# prints "DEMO NAME ok: TEXT" or "DEMO NAME FAILED: TEXT".

export PATH=/bin
/bin/busybox --install -s /bin
mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys

passed() { # NAME TEXT...
    name=$1
    shift
    echo "DEMO $name ok: $*"
}

failed() { # NAME TEXT...
    name=$1
    shift
    echo "DEMO $name FAILED: $*"
}

wait_for() { # SECONDS COMMAND...: until it succeeds
    tries=$(($1 * 10))
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        usleep 100000
    done
}

interrupts() { # PATTERN: how many came, on all processors, of the lines that match
    awk -v wanted="$1" '
        NR == 1 { processors = NF }
        $0 ~ wanted { for (i = 2; i < 2 + processors; i++) count += $i }
        END { print count + 0 }' /proc/interrupts
}

boot_argument() { # NAME: its value on the kernel's command line
    for word in $(cat /proc/cmdline); do
        case $word in "$1="*) echo "${word#*=}" ;; esac
    done
}

module_arguments() { # FILE: "module.name=value" of the kernel's command line, as modprobe has them
    module=$(echo "${1%.ko}" | tr - _)
    for word in $(cat /proc/cmdline); do
        case $word in "$module".*=*) echo "${word#*.}" ;; esac
    done
}

while read -r module; do
    insmod "/modules/$module" $(module_arguments "$module") || failed driver "$module"
done </modules/drivers

. /checks
# Changing a terminal waits until all is sent: the kernel's last words would come in between.
stty opost
poweroff -f
