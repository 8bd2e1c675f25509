# Run by bash with iproute2 and perl, on Linux and in Cleave: what it prints must be the same to the byte, but for the
# numbers of sockets, which are counted from A, and how much room messages take in buffers.
cd / || exit 9
cat > /tmp/sockets.pl <<'END'
use Socket; use strict;
sub sock { socket(my $s, AF_UNIX, $_[0], 0) or die; return $s }
socketpair(my $one, my $two, AF_UNIX, SOCK_STREAM, 0) or die;
my $l = sock(SOCK_STREAM); bind($l, pack("Sa*", AF_UNIX, "\0hidden")) && listen($l, 3) or die;
my @wait = map { my $c = sock(SOCK_STREAM); connect($c, pack("Sa*", AF_UNIX, "\0hidden")) or die; $c } 1, 2;
my $d = sock(SOCK_DGRAM); bind($d, sockaddr_un("/tmp/named")) or die;
my $e = sock(SOCK_DGRAM); connect($e, sockaddr_un("/tmp/named")) or die; syswrite($e, "12345"); syswrite($e, "1");
my $q = sock(SOCK_SEQPACKET); syswrite($one, "1234"); accept(my $n, $l) or die; shutdown($two, 1);
$| = 1; my %seen; my $next = "A"; 
for my $command (@ARGV) {
	print "-- $command\n";
	for (sort { my ($x, $y) = map { /\* (\d+)|\S+ (\d+) +\*/ ? $1 // $2 : 0 } $a, $b; $x <=> $y } `$command`) {
		s/ +/ /g; s/(ESTAB|UNCONN|LISTEN) (\d+) (\d+)/"$1 $2 " . ($1 eq "LISTEN" ? $3 : $3 ? "used" : 0)/e;
		s/((?:\* |hidden |named |peers: |, )(?!0\b))(\d+)/$1 . ($seen{$2} \/\/= $next++)/ge;
		s/ino:\d+ dev:\S+/ino:N dev:N/; s/,t\d+,/,tN,/; s/cgroup:\S+ ?//; s/Port ?Process/Port Process/; s/ +$//; print;
	}
}
END
echo "== unix sockets"
unshare -n perl /tmp/sockets.pl "ss -xa" "ss -x" "ss -xl" "ss -xam" "ss -xae" "ss -xa src /tmp/named" "ss -xa state listening" 2>&1
echo "== of another namespace"
unshare -n ss -xa
echo "== generic netlink"
genl ctrl get name TASKSTATS 2>&1 | grep -o "Name: [A-Za-z]*"; genl ctrl get name NONESUCH 2>&1; genl ctrl list | grep -o "Name: \(nlctrl\|TASKSTATS\)"
