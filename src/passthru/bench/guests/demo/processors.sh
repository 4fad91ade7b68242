# SPDX-License-Identifier: Apache-2.0
#
# The first check of every demo guest; run by init.sh before the board's own.

check_processors() {
    wanted=$(boot_argument demo.processors)
    found=$(nproc)
    if [ "$found" = "$wanted" ]; then
        passed processors "$found"
    else
        failed processors "$found, not ${wanted:-the number that demo.processors= names}"
    fi
}

check_processors
