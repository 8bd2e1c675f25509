# Run by bash with login, PAM and its pam_namespace, on Linux and in Cleave: what it prints must be the same to the byte.
cd / || exit 9
umask 022
for d in /tmp /tmp-inst /var/tmp /var/tmp-inst /home; do mkdir -p $d; mount -t tmpfs -o mode=1777 t $d; done
chmod 0 /tmp-inst /var/tmp-inst; chmod 755 /home; mount --make-rprivate /
mkdir /home/alice /home/bob; chown 1001:1001 /home/alice; chown 1002:1002 /home/bob
instances() { echo "$1" > /home/conf; mount --bind /home/conf /etc/security/namespace.conf; }
instances "/tmp /tmp-inst/ user root
/var/tmp /var/tmp-inst/ user root"
echo outside > /tmp/outside
echo "== each user has his own /tmp"
for u in alice bob alice; do
	su -s /bin/bash "$u" -c 'id -un; ls -1 /tmp; echo "of $(id -un)" >> /tmp/note; cat /tmp/note; stat -c "%a %u %g" /tmp /tmp/note; cat /tmp/outside; echo x > /var/tmp/v; ls -1 /var/tmp' 2>&1
	echo "status $?"
done
echo "== the parent's /tmp is what it was"
cat /tmp/*; ls -1 /tmp /var/tmp
stat -c '%a %u %g %n' /tmp /tmp-inst /tmp-inst/* /var/tmp-inst/* | sort
head /tmp-inst/alice/note /tmp-inst/bob/note
grep -c tmp-inst/ /proc/self/mountinfo
echo "== both at once, in namespaces of their own"
mkfifo /home/go; chmod 666 /home/go
su -s /bin/bash alice -c 'echo secret > /tmp/s; readlink /proc/self/ns/mnt > /home/alice/ns; read -r -t 20 _ <> /home/go; cat /tmp/s; ls -1 /tmp' & p=$!
for i in {1..500}; do [ -s /home/alice/ns ] && break; sleep 0.01; done
su -s /bin/bash bob -c 'ls -1 /tmp; readlink /proc/self/ns/mnt > /home/bob/ns; echo go 1<> /home/go >&1'
wait $p; echo "status $?"
readlink /proc/self/ns/mnt | cat - /home/alice/ns /home/bob/ns | sort -u | wc -l
echo "== root is not polyinstantiated; nor does a user leave his own"
su -s /bin/bash root -c 'ls -1 /tmp; id -u'
su -s /bin/bash alice -c 'ls -1 /tmp-inst; umount /tmp; echo "umount $?"; cd /tmp/..; ls -1 tmp; mount -t tmpfs t /tmp; echo "mount $?"' 2>&1
echo "== a shared tree: su makes its copy a slave"
mount --make-rshared /
su -s /bin/bash bob -c 'ls -1 /tmp; grep " /tmp " /proc/self/mountinfo | tail -n 1 | grep -o master' 2>&1
ls -1 /tmp; grep -c tmp-inst/ /proc/self/mountinfo
echo "== a directory for each session, or a tmpfs"
instances '/tmp /tmp-inst/ tmpdir root'
su -s /bin/bash bob -c 'ls -A1 /tmp; touch /tmp/gone; ls -A1 /tmp' 2>&1
find /tmp-inst -name gone | wc -l
instances '/tmp tmpfs tmpfs:mntopts=size=64k,mode=1777,nosuid root'
su -s /bin/bash bob -c 'findmnt -n -o FSTYPE,SOURCE,OPTIONS /tmp | tail -n 1; head -c 100000 /dev/zero > /tmp/big || stat -c %s /tmp/big' 2>&1
ls -1 /tmp
