# Run by bash with bubblewrap and iproute2, on Linux and in Cleave: what it prints must be the same to the byte.
cd / || exit 9
chmod 1777 /tmp; mkdir -p /home; echo secret > /tmp/secret
echo "== a sandbox without anything of the outside, as root and as an ordinary user"
box() { bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev --tmpfs /tmp --hostname box --die-with-parent "$@" 2>&1; }
for as in "" "setpriv --reuid 1000 --regid 1000 --clear-groups"; do
	$as bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev --tmpfs /tmp --hostname box --die-with-parent bash -c '
		id -u; hostname; ls -A1 /tmp; touch /etc/no 2>&1; touch /tmp/yes && ls -A1 /tmp; cat /proc/self/uid_map; ls -1 /dev | grep -v console | tr "\n" " "
		set -- /proc/[0-9]*; echo "$# processes"; grep -c "^CapEff:.*[1-9a-f]" /proc/self/status; grep NoNewPrivs /proc/self/status; ip -4 -o addr show lo 2>&1 | sed "s/ *valid_lft.*//"; exit 3' 2>&1
	echo "status $?"
done
echo "== the interface of a new network namespace"
unshare -n bash -c 'ip link; ip addr; ip addr add 10.1.2.3/24 dev lo; ip addr add 10.1.2.3/24 dev lo 2>/dev/null; echo "again $?"; ip -4 -o addr
	ip addr del 127.0.0.1/8 dev lo 2>/dev/null; echo "another $?"; ip addr del 10.1.2.3/24 dev lo; ip -4 -o addr; ip -o link show lo; ip link show eth7; ip addr add 1.2.3.4/8 dev nothing
	setpriv --reuid 1000 --clear-groups ip addr add 10.1.2.3/24 dev lo' 2>&1
echo "== namespaces of its own"
for n in mnt user pid net ipc uts; do [ "$(box readlink /proc/self/ns/$n)" != "$(readlink /proc/self/ns/$n)" ] && echo $n; done
bwrap --unshare-net --ro-bind / / --dev /dev bash -c 'cat < /dev/null; echo net' 2>&1
box --uid 5 --gid 6 id -u; box --cap-drop ALL bash -c 'mount -t tmpfs t /tmp 2>/dev/null; echo "mount $?"'
box --dir /tmp/at --bind /home /tmp/at --chdir /tmp/at pwd; box --symlink /tmp /tmp/l --dir /tmp/d --file 9 /tmp/f bash -c 'ls -1 /tmp; cat /tmp/f' 9< <(echo given)
box --new-session --as-pid-1 bash -c 'echo $$'; box nosuchprogram; echo "status $?"
cat /tmp/secret
