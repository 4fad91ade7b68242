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
    before=$(interrupts $INTERRUPT)
    echo 0 >$CLOCK/wakealarm
    # At the end of a second the next one may begin before the driver has it.
    wait_for 5 set_alarm || return 1
    wait_for 10 another_interrupt
}

set_alarm() { echo +1 >$CLOCK/wakealarm; }

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
        failed alarms "$text, not $ALARMS for $ALARMS"
    fi
}

check_clock
check_alarms
