#!/bin/sh
# Runs the test kernel of boot/x86/selftest in Bochs, whose processors differ from QEMU's in what they check (alignment,
# SSE exceptions, segments): boot/x86/selftest/bochs/run.sh [MODEL [ARGUMENTS]]. It needs Debian's packages bochs,
# bochsbios, vgabios and binutils. The output is in the Test Anything Protocol.
set -eu
cd "$(dirname "$0")/../../../.."
model=${1:-corei7_haswell_4770} arguments=${2:-}
kernel=build/selftest.elf
sh boot/build.sh ./boot/x86/selftest $kernel >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
size=$(stat -c %s $kernel)
gcc -m32 -c -x assembler-with-cpp -DKERNEL_SECTORS=$(((size + 511) / 512)) "-DCMDLINE=\"emulator=bochs programs=300 $arguments\"" \
	-o "$work/loader.o" boot/x86/selftest/bochs/loader.S
ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o "$work/disk" "$work/loader.o"
cylinders=$((size / (16 * 63 * 512) + 2))
dd if=$kernel of="$work/disk" bs=512 seek=8 conv=notrunc status=none
truncate -s $((cylinders * 16 * 63 * 512)) "$work/disk"
cat >"$work/bochsrc" <<C
display_library: rfb, options="timeout=0"
megs: 128
cpu: model=$model, ips=100000000, reset_on_triple_fault=0
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, path="$work/disk", mode=flat, cylinders=$cylinders, heads=16, spt=63
boot: disk
port_e9_hack: enabled=1
clock: sync=none
log: $work/log
speaker: enabled=0
C
echo c >"$work/rc" # for a Bochs with its debugger: continue
timeout 600 stdbuf -oL bochs -q -f "$work/bochsrc" -rc "$work/rc" >"$work/out" 2>"$work/err" </dev/null &
bochs=$!
# The kernel ends with a line "exit N" on the debug port, after which Bochs would go on for ever.
while kill -0 $bochs 2>/dev/null && ! grep -aq '^.exit [0-9]' "$work/out"; do sleep 1; done
kill $bochs 2>/dev/null || true
tr -d '\000\r' <"$work/out" | grep -aE '^(#|ok|not ok|1\.\.|Bail|.exit|cleave)' || { cat "$work/err"; tail -20 "$work/log"; exit 1; }
grep -aq '^.exit 0' "$work/out"
