# gdb -x boot/cleave.gdb attaches to a kernel that waits for it (./qemu.sh -g), from the top folder.
set architecture i386:x86-64
file build/cleave.elf
# The Go sources of the runtime and of the overlay are found by the paths in the symbols; runtime-gdb.py, which Go brings,
# shows goroutines.
set confirm off
set pagination off
target remote localhost:1234
# Up to here nothing is mapped at the kernel's addresses, so breakpoints are the hardware's.
hbreak main.main
