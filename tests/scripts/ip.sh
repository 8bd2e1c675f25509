# Run by bash with iproute2, on Linux and in Cleave: what it prints must be the same to the byte. The kind of the links is
# dummy where the kernel has that, else ifb, which does the same with nothing to send.
cd / || exit 9
mkdir -p /tmp/old /run/netns; kind=dummy
unshare -n ip link add try type dummy 2>/dev/null || kind=ifb
export kind
mac() { sed -E 's/link\/ether ([0-9a-f]{2}:){5}[0-9a-f]{2}/link\/ether MAC/; s/pfifo_fast|noqueue/QDISC/; s/qlen (32|1000)/qlen N/; s/^( +[0-9]+){6} *$/counters/' 2>&1; }
export -f mac
echo "== links of a new network namespace"
unshare -mn --propagation private bash -c '
	mount -t sysfs sysfs /sys; cat /proc/net/dev; ls /sys/class/net
	ip link add d0 type $kind; ip link add d0 type $kind; ip link add d1 type $kind mtu 1400; ip link add type $kind; ip link del ${kind}0
	ip link add bad/name type $kind; ip link add x type nonesuch; ip link del lo; ip link set nonesuch up; ip link show nonesuch; ip link set d0 name d1; ip link set lo netns 1
	ip link set d0 up; ip link; ip -s link show d0; ip -o link show up; ip link show type $kind; ip link set d0 name first; ip -br link show first | sed "s/[0-9a-f:]\{17\}/MAC/"
	ip link set first mtu 1300 txqueuelen 10 group 5 alias "the first" arp on multicast on; ip link show first; ip link show group 5; ip link set first down; ip link show first
	cut -d: -f1 /proc/net/dev; ls /sys/class/net; readlink /sys/class/net/first; cat /sys/class/net/first/{mtu,flags,operstate,ifindex,iflink,type,ifalias,addr_len,uevent,statistics/tx_packets} /sys/class/net/lo/{address,mtu,operstate}
	echo 1200 > /sys/class/net/first/mtu; ip link show first | head -n 1; cat /sys/class/net/first/carrier; ip link del first; ls /sys/class/net /proc/net/dev' 2>&1 | mac
echo "== addresses"
unshare -n bash -c '
	ip link add d0 type $kind; ip addr add 10.0.0.1/24 brd + dev d0; ip addr add 10.0.0.2/24 dev d0; ip addr add 10.0.1.1/24 dev d0; ip addr add 10.0.0.1/24 dev d0; ip addr add 10.0.0.3/24 scope link dev d0
	ip link set d0 up; ip -4 addr show d0; ip addr del 10.0.0.1/24 dev d0; ip -4 -o addr; ip addr del 10.0.0.1/24 dev d0; ip addr add 1.2.3.4/8 dev nonesuch; ip link set lo up; ip -4 addr show lo
	ip link set d0 mtu 60; ip -4 -o addr show d0; ip addr add 10.0.0.1/24 dev d0; ip addr flush dev lo; ip -4 addr show lo' 2>&1 | mac
echo "== to another namespace"
unshare -n bash -c '
	mkfifo /tmp/go /tmp/ready; unshare -n bash -c "echo > /tmp/ready; read _ < /tmp/go; ip link" & p=$!; read _ < /tmp/ready
	ip link add d0 type $kind; ip link set d0 up; ip link set d0 netns $p name moved; ip link add d2 netns $p type $kind; ip link set d0 netns $p; ip link add d0 type $kind; ip link set d0 netns 99999; ip link
	cat /proc/$p/net/dev | cut -d: -f1; echo > /tmp/go; wait; rm /tmp/go /tmp/ready' 2>&1 | mac
echo "== named namespaces"
unshare -mn --propagation private bash -c '
	mount -t tmpfs run /run; mount -t sysfs sysfs /sys; ip link add d0 type $kind; ip netns add blue; ip netns add blue; ip netns add red; ip netns list | cut -d" " -f1 | sort; ip link set d0 netns blue; ip netns exec blue ip link; ip netns exec blue ls /sys/class/net; ls /sys/class/net
	ip -n blue link set d0 name d9; ip -n red link; ip netns exec red bash -c "ip netns identify \$\$"; ip -n blue link set d9 netns red; ip netns del blue; ip -n red -br link | cut -d" " -f1; ip netns exec red ip link del d9; ip netns del red; ip netns list' 2>&1 | mac
echo "== watching"
unshare -n bash -c '
	ip monitor link address > /tmp/seen & p=$!
	for i in {1..500}; do grep -q " $p  *00000111" /proc/net/netlink && break; sleep 0.01; done
	ip link add d0 type $kind; ip link set d0 up; ip addr add 10.0.0.1/24 dev d0; ip link set d0 name d1; ip link del d1
	for i in {1..500}; do grep -q "Deleted 2" /tmp/seen && break; sleep 0.01; done
	kill $p; wait $p 2>/dev/null; grep -v "fe80\|valid_lft\|/128" /tmp/seen | uniq' 2>&1 | mac
echo "== who may"
unshare -n setpriv --reuid 1000 --regid 1000 --clear-groups bash -c '
	ip link add d0 type $kind; ip link set lo up; unshare -Urn bash -c "ip link add d0 type \$kind; ip link set d0 up; ip link set d0 netns $$; ip -o link show d0"; ip -o link' 2>&1 | mac
