#!/bin/sh
# Builds the kernel: boot/build.sh [PACKAGE [OUTPUT]], by default ./boot to build/cleave.elf, from the top folder.
# Needs Go 1.26 (see boot/goruntime) and nothing else. Boot it with
#   qemu-system-x86_64 -M microvm -cpu max -m 128 -nodefaults -no-user-config -nographic -serial stdio -no-reboot \
#     -device isa-debug-exit,iobase=0xf4,iosize=0x04 -kernel build/cleave.elf
set -eu
cd "$(dirname "$0")/.."
package=${1:-./boot} output=${2:-build/cleave.elf}
mkdir -p build
# The profile of hot calls ('make hot'); PGO= builds without. The build cache knows it by the path alone, so that has its sum.
pgo=${PGO-boot/hot.pgo}
if [ -n "$pgo" ]; then
	at=${TMPDIR:-/tmp}/cleave-$(cksum <"$pgo" | tr ' ' -).pgo
	cp "$pgo" "$at.$$" && mv "$at.$$" "$at" && pgo=$at
fi
# The overlay's folder begins with an underscore: its Go files are none of this module's.
go run ./boot/goruntime/gen -o build/_overlay.json
# The kernel is linked at 0xffffffff80200000 (-T takes a signed number). -checklinkname=0: boot uses names that the
# overlay adds to package runtime.
GOOS=linux GOARCH=amd64 GOAMD64=v1 CGO_ENABLED=0 GOEXPERIMENT= GODEBUG= GOFLAGS= \
	go build -tags cleave -overlay build/_overlay.json ${pgo:+"-gcflags=all=-pgoprofile=$pgo"} -ldflags '-checklinkname=0 -T -2145386496 -E cleave_start' \
	-buildvcs=false -o "$output.go" "$package"
go run ./boot/link -o "$output" "$output.go"
rm "$output.go"
