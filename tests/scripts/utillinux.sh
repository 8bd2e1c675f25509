# Run by bash with util-linux, on Linux and in Cleave: what it prints must be the same to the byte.
cd / || exit 9
mkdir -p /tmp/m
echo "== an ordinary user's own root"
setpriv --reuid 1000 --regid 1000 --clear-groups unshare -Urm bash -c '
	id -u; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups
	mount -t tmpfs mine /tmp/m && touch /tmp/m/file && ls /tmp/m; findmnt -n -o FSTYPE,SOURCE /tmp/m
	unshare -Ur cat /proc/self/uid_map
	hostname other; umount /proc; echo "umount /proc: $?"'
ls /tmp/m
echo "== namespaces of every kind"
unshare -muipnCf --mount-proc bash -c 'echo "pid $$"; hostname inner; hostname; set -- /proc/[0-9]*; echo "$# process"; ip link 2>/dev/null | grep -c . ; ipcs -q | grep -c 0x'
echo "== nsenter"
unshare -m bash -c 'mount -t tmpfs t /tmp/m; touch /tmp/m/in; echo ready > /tmp/fifo; read -r _ < /tmp/fifo2' & p=$!
mkfifo /tmp/fifo /tmp/fifo2 2>/dev/null
read -r r < /tmp/fifo; echo "$r"
nsenter -t $p -m ls /tmp/m; ls /tmp/m
echo go > /tmp/fifo2; wait
echo "== namespaces kept by a bind mount"
touch /tmp/uts; mount --bind /tmp/uts /tmp/uts; mount --make-private /tmp/uts
unshare --uts=/tmp/uts hostname kept; nsenter --uts=/tmp/uts hostname; umount /tmp/uts; umount /tmp/uts
echo "== propagation"
mkdir -p /tmp/s/sub /tmp/p; mount -t tmpfs s /tmp/s; mkdir /tmp/s/sub; mount --make-shared /tmp/s; mount --bind /tmp/s /tmp/p
mount -t tmpfs x /tmp/s/sub; findmnt -n -o PROPAGATION /tmp/p/sub; umount /tmp/s/sub; mount --make-slave /tmp/p; findmnt -n -o PROPAGATION /tmp/p; umount /tmp/p /tmp/s
echo "== pivot_root"
unshare -m bash -c 'mkdir /tmp/new; mount -t tmpfs n /tmp/new; mkdir /tmp/new/old; mount --bind /bin /tmp/new/old; cd /tmp/new; pivot_root . old 2>&1; echo "$?"' | sed 's/.*pivot_root: //'
lsns -n -o TYPE | sort -u | tr '\n' ' '; echo
