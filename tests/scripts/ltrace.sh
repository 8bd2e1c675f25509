# Run by bash with ltrace on the program debugged, on Linux and in Cleave: what it prints must be the same to the byte, but
# for addresses, process numbers, and arguments that ltrace only guesses.
cd /tmp || exit 9
plain() { sed -E 's/0x[0-9a-f]{3,}/P/g; s/(fork|waitpid|raise|pthread_[a-z]*)\(.*/\1/; s/ +=/ =/' "$1"; }
ltrace -o o /debugged; echo $?; plain o | grep -v 'fork\|waitpid\|SIGCHLD' # whose order is open
ltrace -o o -e printf /debugged > /dev/null; plain o | grep -v SIGCHLD
ltrace -c -o o /debugged > /dev/null; sed -E -n 's/^ *[0-9.]+ +[0-9.]+ +[0-9]+ +([0-9]+ .*)/\1/p' o | sort
ltrace -f -o o /debugged > /dev/null; plain o | sed 's/^[0-9]* *//; s/(.*//' | grep -v resumed | sort
