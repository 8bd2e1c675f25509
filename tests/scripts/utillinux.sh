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
echo "== pivot_root into a root of one's own, then switch_root, which empties it"
unshare -mpf --propagation private bash -c '
	tree() { for d in bin sbin lib usr; do mkdir $1/$d; mount --rbind /$d $1/$d; done; mkdir $1/proc $1/dev $1/sys $1/run; }
	mkdir -p /tmp/a; mount -t tmpfs a /tmp/a; tree /tmp/a; cd /tmp/a; mkdir new old; echo first > init
	pivot_root . old; echo "pivot_root $?"; cd /; mount -t proc p /proc; umount -l /old; mount -t tmpfs d /dev; ls -1 / /old; cat /init
	mount -t tmpfs n /new; tree /new; echo second > /new/init
	exec {fd}< /; export fd
	exec switch_root /new /bin/bash -c "echo pid \$\$; cat /init; ls -1 /; findmnt -rno TARGET; cd /proc/self/fd/$fd; for i in {1..500}; do [ -e init ] || break; sleep 0.01; done; ls -1"' 2>&1
echo "== nested ordinary namespaces"
setpriv --reuid 1000 --regid 1000 --clear-groups unshare -Urm bash -c '
	mount -t tmpfs outer /tmp/m; echo outer > /tmp/m/f
	unshare -Urm --propagation slave bash -c "id -u; cat /proc/self/uid_map; mount -t tmpfs inner /tmp/m; ls /tmp/m; umount /tmp/m; cat /tmp/m/f; umount /tmp/m 2>&1; mount -o remount,bind,ro /tmp/m; touch /tmp/m/no 2>&1
		unshare -Ur --map-user=5 bash -c \"id -u; cat /proc/self/uid_map; unshare -U id -u\""
	cat /tmp/m/f; touch /tmp/m/yes && ls /tmp/m | tr "\n" " "; unshare -c id -u; unshare -Urm --mount-proc true 2>&1; echo "proc $?"'
echo "== lsns, nsenter"
unshare -Urmpf --mount-proc --kill-child bash -c 'sleep 100 & sleep 0; lsns -rno TYPE,NPROCS,PID,PPID -t pid -t user; lsns -rno TYPE,NPROCS -p $!; kill $!; wait' 2>&1
unshare -muinpCf --mount-proc bash -c 'hostname entered; echo "$$" ; mkfifo /tmp/n1 /tmp/n2; (echo x > /tmp/n1); read -r _ < /tmp/n2' & p=$!
for i in {1..500}; do [ -p /tmp/n1 ] && break; sleep 0.01; done; read -r _ < /tmp/n1
for f in /proc/[0-9]*/stat; do { read -r pid _ _ parent _ < $f; } 2>/dev/null && [ "$parent" = $p ] && c=$pid; done # who ended since is left out
nsenter -a -t $c bash -c 'hostname; echo $$ | wc -l; set -- /proc/[0-9]*; [ $# -le 4 ] && echo few'; nsenter -t $c -u hostname; hostname | grep -c entered
nsenter -t $c -U true 2>&1; nsenter -t 99999 -m true 2>&1; nsenter -t $c -m -p -r -w pwd; echo > /tmp/n2; wait
echo "== mount, findmnt, umount"
unshare -m --propagation private bash -c '
	mkdir -p /tmp/x/b /tmp/y /tmp/z; mount -t tmpfs -o size=64k,mode=700,nosuid,nodev one /tmp/x; mkdir -p /tmp/x/b /tmp/x/u; mount -t tmpfs two /tmp/x/b
	mount --make-unbindable /tmp/x/b; mount --rbind /tmp/x /tmp/y; findmnt -Rrno TARGET,SOURCE,FSTYPE,OPTIONS,PROPAGATION /tmp/x; findmnt -Rrno TARGET,SOURCE /tmp/y
	mount -o remount,bind,ro,noexec /tmp/y; touch /tmp/y/f 2>&1; touch /tmp/x/f; findmnt -no VFS-OPTIONS,FS-OPTIONS /tmp/y
	mount --move /tmp/y /tmp/z; mountpoint /tmp/y /tmp/z 2>/dev/null; mountpoint -q /tmp/z; echo "mountpoint $?"; mount --bind /tmp/x/b /tmp/y 2>&1; echo "unbindable $?"
	cd /tmp/z; umount /tmp/z 2>&1; umount -l /tmp/z; echo "lazy $?"; cd /; umount -R /tmp/x; echo "recursive $?"; findmnt /tmp/x; echo "findmnt $?"
	umount /tmp/x 2>&1; mount --bind /nonexistent /tmp/x 2>&1; mount --make-shared /tmp/x 2>&1
	mount -t tmpfs s /tmp/x; mount --make-shared /tmp/x; mkdir /tmp/x/in; mount --bind /tmp/x/in /tmp/x/in; mount --move /tmp/x/in /tmp/y 2>&1; echo "shared parent $?"
	unshare -m --propagation unchanged bash -c "mount -t tmpfs seen /tmp/x/in"; findmnt -rno SOURCE /tmp/x/in | tail -n 1
	unshare -m --propagation slave bash -c "mount -t tmpfs hidden /tmp/x/in; findmnt -no PROPAGATION /tmp/x"; findmnt -rno SOURCE /tmp/x/in | tail -n 1' 2>&1
