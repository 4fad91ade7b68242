#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
#
# Init of a virtual arm64 host: copies what `passthru board capture` reads into a tar archive on
# the second serial port, and goes. More is copied than is read; see record-boards.

export PATH=/bin
/bin/busybox --install -s /bin
mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
hostname virt-arm64
while read -r module; do insmod "/modules/$module"; done </modules/host

top=/tmp/recording

copy() { # a file's content; /proc and /sys do not tell their files' sizes
    mkdir -p "$top${1%/*}"
    cat "$1" >"$top$1" 2>/dev/null || rm -f "$top$1"
}

copy_link() {
    [ -L "$1" ] || return
    mkdir -p "$top${1%/*}"
    ln -s "$(readlink "$1")" "$top$1"
}

copy_names() { # of a directory: the names in it, without content
    mkdir -p "$top$1"
    for name in "$1"/*; do
        [ -e "$name" ] && : >"$top$name"
    done
}

copy_tree() {
    find "$1" -type f | while read -r file; do copy "$file"; done
}

copy_devices() { # BUS FILE...
    bus=/sys/bus/$1/devices
    shift
    for device in "$bus"/*; do
        for file in "$@"; do [ -f "$device/$file" ] && copy "$device/$file"; done
        copy_link "$device/driver"
        copy_link "$device/iommu_group"
    done
}

for file in /proc/iomem /proc/ioports /proc/cpuinfo /proc/self/limits /proc/self/status \
    /proc/sys/kernel/hostname /proc/sys/kernel/arch /proc/sys/kernel/osrelease; do
    copy $file
done
copy_tree /sys/firmware/devicetree/base
copy_tree /sys/kernel/irq
for group in /sys/kernel/iommu_groups/*; do
    copy "$group/reserved_regions"
    copy_names "$group/devices"
done
copy_devices pci vendor device class config resource reset_method
copy_devices platform uevent modalias
copy_devices amba uevent modalias
for processor in /sys/devices/system/cpu/cpu[0-9]*; do copy_tree "$processor/topology"; done
copy_names /sys/class/iommu
copy_names /sys/devices/virtual/misc/kvm
copy_names /sys/bus/pci/drivers/vfio-pci
for module in /sys/module/vfio* /sys/module/iommufd /sys/module/uio* /sys/module/kvm; do
    [ -d "$module" ] && mkdir -p "$top$module" && : >"$top$module/parameters"
    [ -f "$module/initstate" ] && copy "$module/initstate"
done
copy_tree /boot
copy_tree "/lib/modules/$(uname -r)"

tar -C "$top" -c -f /dev/vda .
sync
echo recorded
poweroff -f
