# Run by bash with coreutils, on Linux and in Cleave: what it prints must be the same to the byte.
set -u
cd /tmp || exit 9
echo "bash ${BASH_VERSION%%(*} $BASHOPTS" | wc -w | tr -d ' '
declare -A map=([one]=1 [two]=2); for k in one two; do echo "$k=${map[$k]}"; done
arr=(a b "c d"); printf '<%s>' "${arr[@]}"; echo "${#arr[@]}"
echo {1..5} {a..e} $((2 ** 40)) $((0x7fffffff + 1))
[[ foobar =~ ^foo(.*)$ ]] && echo "${BASH_REMATCH[1]}"
while read -r l; do echo "line: $l"; done < <(seq 3)
diff <(seq 5) <(seq 4; echo 6); echo "diff $?"
mapfile -t lines < <(printf '%s\n' x y z); echo "${lines[*]}"
coproc CP { while read -r l; do echo "co $l"; done; }; echo hi >&"${CP[1]}"; read -r r <&"${CP[0]}"; echo "$r"; exec {CP[1]}>&-; wait "$CP_PID"
printf '%s\n' 3 1 2 | sort -n | paste -sd+ ; factor 1234567890; seq -s, 1 10
echo 'the quick brown fox' | tr a-z A-Z | rev 2>/dev/null || echo 'no rev'
for i in 1 2 3; do (sleep 0.$((i * 3)); exit $i) & done; for j in 1 2 3; do wait -n; echo "job $?"; done
trap 'echo got TERM' TERM; kill -TERM $BASHPID; trap - TERM
( ulimit -n 64; ulimit -n )
mkdir -p x/y; touch x/y/{1..20}; ls x/y | wc -l; ls -la x | tail -1 | wc -w
cp -a x z; rm -rf x; ls z/y | head -3; chmod -R u-w z; stat -c '%A %n' z/y | head -2; chmod -R u+w z; rm -r z
dd if=/dev/urandom of=r bs=64k count=4 status=none; sha1sum r | cut -d' ' -f1 > s1; cat r | sha1sum | cut -d' ' -f1 | cmp - s1 && echo 'sums agree'
split -b 50000 r part.; cat part.* | cmp - r && ls part.* | wc -l; rm part.* r
head -c 100000 /dev/zero | base64 -w0 | wc -c; printf 'b\na\n' | sort | od -An -c
ln -s loop1 loop2; ln -s loop2 loop1; cat loop1 2>&1 | sed 's/.*: //'
date -u -d @1000000000 '+%F %T'; TZ=UTC0 date -u -d '2001-02-03' +%s
timeout 0.2 sleep 9; echo "timeout $?"; { timeout -s KILL 0.2 sleep 9; } 2>/dev/null; echo "timeout $?"
bash -c 'exec -a renamed sleep 0' ; echo $?; { bash -c 'kill -SEGV $$'; } 2>/dev/null; echo "segv $?"
tee t1 t2 <<< 'here string' >/dev/null; cat t1 t2; shuf -i 1-5 | sort | tr -d '\n'; echo
nproc --all >/dev/null && echo nproc; id -un 2>/dev/null || true; uname -s; pwd -P
env -i bash -c 'echo "${HOME-unset}"'; stdbuf -o0 echo unbuffered; comm -12 <(seq 1 5) <(seq 3 8) | tr '\n' ' '; echo
readlink -f /proc/self/exe | sed 's/.*bin/bin/'; exec 3<>/tmp/rw; echo data >&3; cat /tmp/rw; exec 3>&-
exit 42
