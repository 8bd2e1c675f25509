# Run by bash with gdb on the program debugged, on Linux and in Cleave: what it prints must be the same to the byte, but for
# addresses and process numbers.
cd / || exit 9
export HOME=/tmp SHELL=/bin/bash
plain() { sed -E 's/0x[0-9a-f]{3,}/P/g; s/P in (\?\? \(\) from .*libc.*|__kernel_vsyscall \(\))/P in a call/; s/(process|LWP|pid|Thread P \(LWP) [0-9]+/\1 N/g; /^warning: .*(vDSO|vdso|system-supplied)/d; s/ at \.\.?\/[^ ]*$//'; }
debug() { printf '%s\n' "${@:2}" > /tmp/gdb; echo "# $1"; gdb -nx -batch -ex 'set confirm off' -ex 'set style enabled off' -ex 'set width 0' -ex 'set print thread-events off' -x /tmp/gdb ${program-/debugged} 2>&1 | plain; }

debug 'breakpoints, stacks, values' 'break factorial if n == 2' 'run' 'backtrace' 'up 2' 'info locals' 'print n' 'print $_siginfo.si_signo' 'delete' 'finish' \
	'print origin' 'print &origin.y' 'ptype struct point' 'print sizeof(origin)' 'up 3' 'print argv[0]' 'continue' 'continue'
debug 'steps' 'break main' 'run' 'next' 'next' 'step' 'step' 'stepi' 'nexti' 'info line' 'tbreak change' 'continue' 'advance 38' 'until' 'kill'
debug 'a watched word' 'watch watched' 'run' 'continue' 'continue' 'info watchpoints' 'handle SIGUSR1 nostop noprint' 'continue' 'continue' 'continue'
debug 'a breakpoint in a register' 'starti' 'hbreak scaled' 'continue' 'print *p' 'print by' 'finish' 'info breakpoints' 'handle SIGUSR1 nostop noprint' 'continue'
debug 'calls and changes' 'break change' 'run' 'call factorial(6)' 'set var n = 2' 'set var $old = $eax' 'print $eax = 12' 'set var $eax = $old' 'print $sp == $esp' \
	'call (int)getppid() > 0' 'print (int)write(1, "called\n", 7)' 'set var watched = 1000' 'delete' 'handle SIGUSR1 nostop noprint' 'continue'
debug 'registers' 'handle SIGUSR1 nostop noprint' 'break fault' 'run fault' 'info registers cs ss ds es eflags' 'print $st0' 'print $xmm0.v4_int32' 'print $mxcsr' \
	'print (char)($eflags & 1)' 'set var $edi = 1234' 'print $edi' 'print $_exitcode' 'continue' 'x/i $pc' 'print $_siginfo._sifields._sigfault.si_addr' 'backtrace'
debug 'threads' 'handle SIGUSR1 nostop noprint' 'break thread_main' 'run' 'info threads' 'thread 1' 'thread 2' 'next' 'print mine' 'thread apply all print 1' 'set scheduler-locking on' 'next' \
	'set scheduler-locking off' 'continue'
debug 'signals' 'handle SIGUSR1 stop print' 'run' 'print $_siginfo._sifields._kill.si_uid' 'break on_signal' 'continue' 'backtrace' 'finish' 'signal 0'
debug 'suppressed signals' 'handle SIGUSR1 stop nopass' 'run' 'continue'
debug 'a child' 'handle SIGUSR1 nostop noprint' 'set follow-fork-mode child' 'catch fork' 'run' 'continue'
debug 'events' 'handle SIGUSR1 nostop noprint' 'catch syscall 4' 'catch vfork' 'run' 'continue' 'continue' 'delete' 'continue'
program=/bin/bash debug 'exec' 'catch exec' 'run -c "exec /debugged"' 'break factorial' 'continue' 'backtrace' 'kill'
debug 'a call that is stopped' 'handle SIGUSR1 nostop noprint' 'break factorial' 'run wait' 'delete' 'tbreak fork' 'continue' 'set var go_on = 1' 'continue'

echo '# attached'
exec 3< <(/debugged wait); p=$!; until read -r line <&3 && [[ $line = watched* ]]; do :; done
printf '%s\n' 'print watched' 'up' 'print origin.name' 'set var go_on = 1' 'detach' > /tmp/gdb
gdb -nx -batch -x /tmp/gdb -p $p /debugged 2>&1 | plain | grep '^\$'; kill -USR1 $p; wait $p; echo "status $?"
