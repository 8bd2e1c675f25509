#!/bin/sh
# Boots Cleave in QEMU: a thin front to 'cleave run', which holds the options. ./qemu.sh -h lists them.
set -eu
here=$(dirname "$(readlink -f "$0")")
case "${1-}" in -h|--help) ;; *)
	[ -f "$here/build/cleave.elf" ] && [ -f "$here/build/root.cpio" ] || make -C "$here" >&2
	command -v qemu-system-x86_64 >/dev/null || "$here/scripts/need" qemu-system-x86_64:qemu-system-x86 ;;
esac
[ -x "$here/build/cleave" ] || make -C "$here" build/cleave >&2
exec "$here/build/cleave" run -K "$here/build/cleave.elf" "$@"
