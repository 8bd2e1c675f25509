# Run by bash with strace and coreutils, on Linux and in Cleave: what it prints must be the same to the byte, but for
# process numbers.
cd /tmp || exit 9
numbers() { sed -E 's/\b[0-9]{2,}\b/N/g; s/\[pid +[0-9N]+\] //; s/ptid=\{[^}]*\}|0x[0-9a-f]+/P/g'; }

echo '# calls, strings, results, errors'
strace -o o -e trace=write,exit_group /bin/echo hello; cat o
strace -o o -e trace=openat,close -P /nothing -P /tmp/some cat /nothing some; cat o; echo text > some
strace -o o -y -e trace=read -P /tmp/some -e read=3 cat some; cat o
strace -o o -e trace=lstat64,stat64,statx,readlink,mkdir -s 4 -v -e verbose=none bash -c 'mkdir -m 700 d; readlink some'; grep -c . o
strace -o o -e trace=exit_group -e status=all false; echo $?; cat o
strace -o o -Z -e trace=chdir bash -c 'cd /nothing; cd /'; cat o

echo '# processes'
strace -ff -o each -e trace=execve,clone,exit_group -e signal=none bash -c '/bin/true; (exit 3); /bin/false | /bin/true; wait'
ls each.* | wc -l; cat each.* | numbers | sed 's/, P \/\* N vars \*\///; s/) *= .*/)/' | sort; rm each.*
strace -f --seccomp-bpf -o o -e trace=execve -e signal=none bash -c '/bin/true; /bin/true; exec /bin/true'; grep -c ' = 0' o

echo '# signals'
{ strace -o o -e trace=none bash -c 'trap "echo got" USR1; kill -USR1 $$; kill -USR2 $$'; } 2> /dev/null; echo $?; sed 's/si_pid=[0-9]*/si_pid=N/' o
strace -o o -e trace=none bash -c 'kill -STOP $$' & p=$!; until grep -q stopped o 2>/dev/null; do :; done
kill -CONT $(sed -n 's/.*si_pid=\([0-9]*\).*/\1/p' o | head -n 1); wait $p; echo $?; sed 's/si_pid=[0-9]*/si_pid=N/' o

echo '# counts'
strace -c -o o -e trace=execve,exit_group,write bash -c 'echo a; echo b'; sed -E -n 's/^ *[0-9.]+ +[0-9.]+ +[0-9]+ +([0-9]+) .*(execve|exit_group|write)$/\1 \2/p' o | sort
strace -f -c -S name -U name,calls,errors -o o -e trace=execve,chdir bash -c 'cd /; cd /nothing; /bin/true; exit 0'; cat o

echo '# injected errors, results, signals'
strace -o o -e trace=write -e inject=write:error=ENOSPC /bin/echo lost > lost; echo $?; cat o
strace -o o -e trace=write -e inject=write:retval=7:when=2 bash -c 'echo one; echo two; echo three'; cat o
strace -o o -e trace=getcwd -e fault=getcwd:error=EACCES:when=1+ /bin/pwd -P; echo $?; numbers < o
strace -o o -e trace=chdir -e inject=chdir:signal=TERM bash -c 'cd /; echo not reached'; echo $?; sed 's/si_pid=[0-9]*/si_pid=N/' o
strace -f -o o -e trace=chdir -e inject=chdir:delay_enter=1000 bash -c 'cd /; pwd'; numbers < o | sed 's/^[0-9N]* *//'
strace -o o -e trace=chdir -e inject=chdir:poke_enter=@arg1=2f746d7000 bash -c 'cd /dev; pwd -P'; cat o

echo '# attached'
mkfifo in; bash -c 'read -r line < in; echo "read $line"; exit 4' & p=$!
strace -p $p -o o -e trace=exit_group 2> e & s=$!
until grep -q attached e; do :; done; sed 's/[0-9][0-9]*/N/' e; echo word > in; wait $p; echo $?; wait $s; cat o
bash -c 'echo $BASHPID > pid; read -r line < in' & p=$!; until [ -s pid ]; do :; done
strace -p $p -o o -e trace=none 2> e & s=$!
until grep -q attached e; do :; done; kill -INT $s; wait $s; grep TracerPid /proc/$p/status; echo done > in; wait $p; echo $?
strace -p 99999 2>&1 | sed 's/[0-9][0-9]*/N/'
strace -o o strace -o o2 true 2>&1; echo $?; grep -c PTRACE_TRACEME\\\|PTRACE_SEIZE o
