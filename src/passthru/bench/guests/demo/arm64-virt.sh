# SPDX-License-Identifier: Apache-2.0
#
# What the demo guest on the board arm64-virt shows; run by init.sh.

CLOCK=/sys/class/rtc/rtc0
ALARMS=$(boot_argument demo.alarms)
INTERRUPT=rtc-pl031

line_of() { # PATTERN: the GIC's number of the interrupt that matches
    awk -v wanted="$1" '
        NR == 1 { processors = NF }
        $0 ~ wanted { print $(processors + 3) }' /proc/interrupts
}

# The guest can know the time from nowhere else. It is later than when the demo was started,
# by what booting takes.
check_clock() {
    started=$(boot_argument demo.started)
    if ! wait_for 20 test -e $CLOCK/since_epoch; then
        failed clock "no driver has found it"
        return
    fi
    seconds=$(cat $CLOCK/since_epoch)
    text="$(cat $CLOCK/name) says $(date -u -d "@$seconds" '+%F %T')"
    if [ "$seconds" -ge "$started" ] && [ "$seconds" -lt $((started + 3600)) ]; then
        passed clock "$text"
    else
        failed clock "$text, not the time of $(date -u -d "@$started" '+%F %T') or soon after"
    fi
}

rings_once() {
    for attempt in 1 2 3; do
        before=$(interrupts $INTERRUPT)
        wait_for 5 set_alarm || return 1
        set_at=$(cat $CLOCK/since_epoch)
        wait_for 10 another_interrupt && return 0
        # The driver compares the times, then sets the alarm, and clears one that has come by
        # then. If its second has begun in between, Linux itself has missed it.
        [ "$set_at" -ge "$(cat $CLOCK/wakealarm)" ] || return 1
        echo "attempt $attempt: the second had begun before the alarm was set"
    done
    return 1
}

# Fails if the next second begins before the driver has asked for it.
set_alarm() {
    echo 0 >$CLOCK/wakealarm
    echo +1 >$CLOCK/wakealarm
}

another_interrupt() { [ "$(interrupts $INTERRUPT)" != "$before" ]; }

check_alarms() {
    echo "waiting for $ALARMS alarms, one a second"
    rung=0
    while [ $rung -lt $ALARMS ] && rings_once; do
        rung=$((rung + 1))
    done
    came=$(interrupts $INTERRUPT)
    text="$came interrupts for $rung alarms in a row, on line $(line_of $INTERRUPT)"
    if [ $rung -eq $ALARMS ] && [ "$came" -eq $ALARMS ]; then
        passed alarms "$text"
    else
        failed alarms "$text, not $ALARMS for $ALARMS;" \
            "the last was set at $set_at, what is still set is: $(cat $CLOCK/wakealarm)"
    fi
}

check_clock
check_alarms
