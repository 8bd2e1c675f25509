# Run by busybox's shell, on Linux and in Cleave: what it prints must be the same to the byte.
b=/bin/busybox
for a in awk basename cat chmod cp cut date dd diff env expr find grep gzip gunzip head id ln ls md5sum mkdir mkfifo mv od printf ps readlink rm sed seq sha256sum sleep sort stat tail tar tee touch tr uniq wc xargs yes kill mktemp rmdir timeout cmp dirname du nohup true false test usleep truncate realpath; do
	eval "$a() { $b $a \"\$@\"; }"
done
cd /tmp || exit 9
echo "== pipes"
seq 1 1000 | awk '{ s += $1 } END { print s }'
seq 1 20 | sed -n '5,7p' | tr '\n' ,; echo
yes | head -n 3 | uniq -c
echo "== redirections"
{ echo out; echo err >&2; } > o.txt 2> e.txt; cat o.txt e.txt
echo more >> o.txt; wc -l < o.txt
exec 5> five.txt; echo to-five >&5; exec 5>&-; cat five.txt
cat nonexistent 2>&1; echo "status $?"
echo "== here-documents"
x=value
cat <<EOF
expanded $x $((6 * 7)) $(echo sub)
EOF
cat <<'EOF'
literal $x
EOF
echo "== background jobs"
sleep 0.1 & p=$!
wait $p; echo "waited $?"
(exit 3) & wait $!; echo "status $?"
sleep 100 & kill $!; wait $! 2>/dev/null; echo "killed $?"
for i in 1 2 3 4 5; do (echo "job $i" > job$i) & done; wait; cat job?
echo "== functions, traps, subshells"
f() { local y=inner; echo "$y $#"; return 4; }; f a b; echo $?
trap 'echo trapped' USR1; kill -USR1 $$; echo after
(trap 'echo exiting' EXIT; true)
case abc in a*c) echo matched;; esac
i=0; while [ $i -lt 3 ]; do i=$((i + 1)); done; echo $i
echo "== files"
mkdir -p d/e/f; echo hello > d/e/f/g; ln -s e/f/g d/link; ln d/e/f/g d/hard
readlink d/link; cat d/link; stat -c '%s %h %F %a' d/e/f/g d/link; stat -c '%h %F %a' d/e
chmod 640 d/hard; stat -c %a d/e/f/g
mv d/e/f/g d/moved; cat d/hard; test -e d/link || echo dangling
find d | sort; cp -r d d2; rm d/link d2/link; diff -r d d2 && echo same; rm -r d d2; ls d 2>&1
touch -d '2020-01-02 03:04:05' t; stat -c %Y t; truncate -s 10000 t; stat -c %s t; du -k t | cut -f1 | sed 's/[0-9]*/n/'
echo "== archives and sums"
seq 1 5000 > big; md5sum big; sha256sum < big; gzip -c big > big.gz; gunzip -c big.gz | cmp - big && echo roundtrip
mkdir td; seq 10 > td/a; seq 20 > td/b; tar cf td.tar td; tar tf td.tar | sort; rm -r td; tar xf td.tar; cat td/a td/b | wc -l
dd if=/dev/zero bs=1000 count=50 2>/dev/null | od -c | head -n 2
echo "== fifos"
mkfifo ff; (cat ff > got) & echo through > ff; wait; cat got
echo "== processes"
sh -c 'echo $0 $1' 2>/dev/null name arg || $b sh -c 'echo $0 $1' name arg
timeout 0.2 $b sleep 5; echo "timeout $?"
seq 3 | xargs -n1 echo item
echo a b c | xargs -n 1 -P 3 $b printf '%s\n' | sort | tr -d '\n'; echo
env -i A=1 $b env
id -u; pwd; umask; umask 027; touch um; stat -c %a um
echo "$(nohup $b echo nohup 2>/dev/null)"
$b sh -c 'kill -9 $$'; echo "signal $?"
/nonexistent; echo "status $?"
echo '#!/bin/busybox cat' > script; echo body >> script; chmod +x script; ./script
echo garbage > notelf; chmod +x notelf; ./notelf 2>/dev/null; echo "status $?"
cat /proc/self/comm; ls /proc/self/fd | grep -c '^[0-3]$'; grep -c . /proc/self/maps | sed 's/[0-9]*/n/'
echo done
exit 5
