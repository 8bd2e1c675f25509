#!/bin/sh
# Tests boot/x86 on emulated processors: boot/x86/selftest/run.sh [-i] [-k] [MODEL...]
# It builds the test kernel, boots it once for each model and kind of fault, and prints the outcome in the Test Anything
# Protocol. Exit status 0 if all is well.
#   -i  count instructions (the "ticks" of the cost tests), on the first model only
#   -k  use KVM, with the host's processor
set -u
cd "$(dirname "$0")/../../.."
accel=tcg icount='' models=''
while getopts ik opt; do
	case $opt in
	i) icount='-icount shift=0,sleep=off' ;;
	k) accel=kvm models=host ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] && models=$*
# What each lacks: everything new; FSGSBASE; SMAP (Intel, SYSENTER); AVX; XSAVE; XSAVEOPT; SYSENTER and SYSCALL.
: "${models:=max qemu64 kvm64 max,-fsgsbase Haswell-v1 Broadwell-v1 max,-smap max,-avx max,-xsave max,-xsaveopt max,-syscall,-sep}"
[ -n "$icount" ] && models=${models%% *}
faults='nil smap smep text stack after entry'

kernel=build/selftest.elf
sh boot/build.sh ./boot/x86/selftest $kernel >&2 || { echo "Bail out! the test kernel does not build"; exit 1; }

# boot MODEL ARGUMENTS: one run; its output, and a line "status N" with what QEMU made of the kernel's exit status
boot() {
	timeout 120 qemu-system-x86_64 -M microvm -accel $accel -cpu "$1" -m 64 -nodefaults -no-user-config -nographic \
		-serial stdio -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=0x04 $icount -kernel $kernel -append "$2" \
		</dev/null 2>/dev/null
	echo "status $?"
}

{
	for model in $models; do
		echo "run $model"
		boot "$model" ''
		for fault in $faults; do
			echo "run $model"
			boot "$model" "fault=$fault"
		done
	done
} | tr -d '\r' | awk '
	# One stream out of many: results are numbered anew and name the model; a run that ends early is a failure.
	/^run /    { model = $2; plan = -1; seen = 0; next }
	/^1\.\./   { plan = substr($0, 4); next }
	/^status / { if (seen != plan || $2 != 1) { n++; bad++; print "not ok " n " - " model ": the run is complete\n# " seen " of " plan " results, status " $2 }; next }
	/^(not )?ok / {
		n++; seen++
		result = /^not/ ? "not ok" : "ok"
		if (result != "ok") bad++
		sub(/^(not )?ok [0-9]+ - /, "")
		print result " " n " - " model ": " $0
		next
	}
	{ print ($0 ~ /^#/ ? "" : "# ") $0 }
	END { print "1.." n; exit bad != 0 }'
