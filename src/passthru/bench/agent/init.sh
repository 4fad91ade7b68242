#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
#
# Init of a virtual host, and the agent of the bench in it. It stays in the initramfs, so
# it lives on when the shared root directory does not answer; commands run in /host.
#
# From the bench, a line each:   run ID QUOTED-WORDS-IN-BASE64     (first word: directory)
#                                shell ID QUOTED-WORDS-IN-BASE64   (on the terminal)
#                                signal ID NAME
# To the bench:                  step TEXT | ready | alive | failed TEXT
#                                exit ID STATUS
# After a command's last output, "\036MARK ID\n" follows it on the output channel.

export PATH=/bin
/bin/busybox --install -s /bin

step() { echo "step $*" >&3; }
fail() { echo "failed $*" >&3; sleep 60; poweroff -f; }

load_modules() {
    while read -r module parameters; do
        insmod "/modules/$module" $parameters || echo "bench: cannot load $module" >/dev/console
    done <"$1"
}

set_clock() { # with the time at the start: where a process has the clock, the kernel has none
    [ -s /time ] || return
    read -r uptime rest </proc/uptime
    date -s "@$(($(cat /time) + ${uptime%.*}))" >/dev/null
}

find_port() { # NAME: its device node, when the driver has announced it
    tries=0
    while [ $tries -lt 200 ]; do
        for port in /sys/class/virtio-ports/*; do
            [ "$(cat "$port/name" 2>/dev/null)" = "$1" ] && echo "/dev/${port##*/}" && return
        done
        usleep 20000
        tries=$((tries + 1))
    done
    echo "bench: no channel $1" >/dev/console
    poweroff -f
}

# Programs of another architecture than the shared ones lie over them, busybox's where there
# is no better one.
install_system() {
    system=
    [ -d /system ] || return
    ln -s busybox /system/usr/bin/sh
    /bin/busybox --install -s /system/usr/bin 2>/dev/null
    system=/system:
}

mount_root() {
    options=trans=virtio,version=9p2000.L,ro,msize=512000
    mkdir -p /lower /upper /host
    mount -t 9p -o "$options,cache=loose" bench-root /lower || return
    mount -t tmpfs tmpfs /upper || return
    mkdir /upper/data /upper/work
    mount -t overlay -o lowerdir=$system/lower,upperdir=/upper/data,workdir=/upper/work \
        overlay /host || return
    mount -t proc proc /host/proc
    mount -t sysfs sysfs /host/sys
    mount -t devtmpfs devtmpfs /host/dev
    mkdir -p /host/dev/pts /host/dev/shm
    mount -t devpts devpts /host/dev/pts
    mount -t tmpfs tmpfs /host/dev/shm
    mount -t tmpfs tmpfs /host/run
    exchange=$(cat /exchange)
    mkdir -p "/host$exchange"
    mount -t 9p -o "$options,cache=none" bench-exchange "/host$exchange"
}

hold_machine() { # see hold_machine.py
    . /environment
    hold=$(cat /hold-machine)
    [ "$hold" = : ] || eval "chroot /host $hold"
}

run_in_host() { # DIRECTORY COMMAND...: replaces this shell
    directory=$1
    shift
    . /environment
    # A shell starts its background commands with interrupts ignored; undo that.
    exec /bin/busybox setsid $terminal_option /bin/busybox chroot /host \
        /usr/bin/env --chdir="$directory" --default-signal=INT,QUIT "$@"
}

start_command() { # ID QUOTED-WORDS: runs it and reports
    eval "set -- $1 $(echo "$2" | base64 -d)"
    id=$1
    shift
    # A shell without job control gives background commands no standard input.
    exec 5<&0
    (run_in_host "$@") <&5 3>&- 4>&- 5>&- &
    child=$!
    echo "$child" >"/commands/$id"
    wait "$child"
    status=$?
    printf '\036%s %s\n' "$mark" "$id" >&4
    echo "exit $id $status" >&3
}

mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
set_clock
load_modules /modules/first
exec 3<>"$(find_port control)" 4<>"$(find_port output)"
mark=$(cat /mark)
mkdir /commands
(while echo alive; do sleep 2; done) >&3 &
step sharing the root directory
load_modules /modules/kvm &
install_system
mount_root || fail mount the shared root directory
wait $!
step loading drivers
(hold_machine) >/dev/console 2>&1 &
load_modules /modules/board
wait $!
echo ready >&3

while read -r verb id rest <&3; do
    case $verb in
    run) terminal_option= start_command "$id" "$rest" </dev/null >&4 2>&1 & ;;
    shell) terminal_option=-c start_command "$id" "$rest" <>/dev/hvc0 >&0 2>&1 & ;;
    signal) kill -s "$rest" -- "-$(cat "/commands/$id")" ;;
    esac
done
# The bench is gone.
poweroff -f
