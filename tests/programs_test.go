//go:build guest

package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// script returns a shell script of tests/scripts.
func script(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("scripts", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestProgramBusybox runs Debian's busybox as a shell with pipes, redirections, background jobs, here-documents and many
// of its applets.
func TestProgramBusybox(t *testing.T) {
	t.Parallel()
	root := rootWith(t, debian(t, "busybox-static"), map[string]string{"t.sh": script(t, "busybox.sh")})
	sameAsLinux(t, root, "/bin/busybox", "sh", "/t.sh")
}

// TestProgramBash runs a script under Debian's bash, with coreutils: dynamic programs, with ld-linux.so.2.
func TestProgramBash(t *testing.T) {
	t.Parallel()
	root := rootWith(t, debian(t, "bash", "coreutils", "diffutils", "grep", "sed"), map[string]string{"t.sh": script(t, "bash.sh")})
	sameAsLinux(t, root, "/bin/bash", "/t.sh")
}

// TestProgramDefaultRoot runs commands of the default root under its shell.
func TestProgramDefaultRoot(t *testing.T) {
	t.Parallel()
	r := guest{}.run(t, "/bin/sh", "-c", `echo one two | wc -w; seq 3 | sort -r | tr '\n' ' '; mkdir -p /tmp/a/b; echo x > /tmp/a/b/f; cat /tmp/a/b/f; find /tmp/a; uname -m; ls /bin | grep -c .; exit 7`)
	want := []string{"2\n", "3 2 1 ", "x\n", "/tmp/a/b/f\n", "i686\n"}
	for _, w := range want {
		if !strings.Contains(r.stdout, w) {
			t.Errorf("output lacks %q", w)
		}
	}
	if r.status != 7 || t.Failed() {
		t.Errorf("status %d, want 7\n%s\n%s", r.status, r.stdout, r.stderr)
	}
}

// goProgram builds one of tests/programs for linux/386.
func goProgram(t *testing.T, name string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("go", "build", "-o", out, "./programs/"+name)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=386", "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	return out
}

// TestProgramGo runs a Go program with goroutines, timers, pipes, signals and os/exec.
func TestProgramGo(t *testing.T) {
	t.Parallel()
	prog := goProgram(t, "gomix")
	want := native(t, prog)
	got := guest{}.run(t, prog)
	if got.stdout != want.stdout || got.status != want.status {
		t.Errorf("Cleave: status %d\n%s\nstderr:\n%s\nLinux: status %d\n%s%s", got.status, got.stdout, got.stderr, want.status, want.stdout, want.stderr)
	}
}

// TestProgramUtilLinux runs Debian's unshare, nsenter, mount, findmnt, pivot_root, lsns and setpriv.
func TestProgramUtilLinux(t *testing.T) {
	t.Parallel()
	root := rootWith(t, debian(t, "bash", "coreutils", "util-linux", "mount", "hostname", "sed", "grep"), map[string]string{"t.sh": script(t, "utillinux.sh")})
	sameAsLinux(t, root, "/bin/bash", "/t.sh")
}

// TestProgramIP runs Debian's ip: interfaces are made, changed, shown, watched and moved between network namespaces.
func TestProgramIP(t *testing.T) {
	t.Parallel()
	root := rootWith(t, debian(t, "bash", "coreutils", "grep", "iproute2", "mount", "sed", "util-linux"), map[string]string{"t.sh": script(t, "ip.sh")})
	sameAsLinux(t, root, "/bin/bash", "/t.sh")
}

// TestProgramSS runs Debian's ss, which lists unix sockets by sock_diag, and genl.
func TestProgramSS(t *testing.T) {
	t.Parallel()
	root := rootWith(t, debian(t, "bash", "coreutils", "grep", "iproute2", "perl-base", "util-linux"), map[string]string{"t.sh": script(t, "ss.sh")})
	sameAsLinux(t, root, "/bin/bash", "/t.sh")
}

// TestProgramPAM runs Debian's su under PAM's pam_namespace, the use case of unshare's author: each user has his own /tmp.
func TestProgramPAM(t *testing.T) {
	t.Parallel()
	base := debian(t, "bash", "coreutils", "findutils", "grep", "libpam-modules", "libpam-runtime", "login", "mount", "util-linux")
	root := rootWith(t, base, map[string]string{
		"t.sh":       script(t, "pam.sh"),
		"etc/passwd": "root:x:0:0:root:/root:/bin/bash\nalice:x:1001:1001::/home/alice:/bin/bash\nbob:x:1002:1002::/home/bob:/bin/bash\n",
		"etc/group":  "root:x:0:\nalice:x:1001:\nbob:x:1002:\n",
		"etc/shadow": "root:*:19000::::::\nalice:*:19000::::::\nbob:*:19000::::::\n",
		"etc/pam.d/su": "auth sufficient pam_rootok.so\naccount required pam_unix.so\n" +
			"session required pam_namespace.so\nsession required pam_unix.so\n",
		"etc/pam.d/other":             "auth required pam_deny.so\n",
		"etc/security/namespace.conf": "/tmp /tmp-inst/ user root\n/var/tmp /var/tmp-inst/ user root\n",
	})
	sameAsLinux(t, root, "/bin/bash", "/t.sh")
}

// TestProgramTwoUsers runs the steps of the test program of the 2006 patches: four lines say GOOD, and the file that both
// children wrote holds exactly what the second wrote last.
func TestProgramTwoUsers(t *testing.T) {
	t.Parallel()
	root := rootWith(t, debian(t, "busybox-static"), nil)
	command(t, "cp", compile(t, "programs/twousers/twousers.c"), filepath.Join(root, "twousers"))
	r := guest{root: root, kargs: "userns=owned"}.run(t, "/bin/busybox", "sh", "-c", "/twousers; /bin/busybox cat /testme")
	good := `thread 1: able to write /testme: GOOD
thread 2: able to write /testme: GOOD
thread 2: unable to open /mnt1/testme: GOOD
thread2: unable to remount /mnt1 to /mnt2: GOOD
`
	rest, ok := strings.CutPrefix(r.stdout, good)
	for _, line := range []string{"thread 1: exiting.\n", "thread 2: exiting\n"} {
		rest = strings.Replace(rest, line, "", 1)
	}
	if !ok || rest != "b" || r.status != 0 {
		t.Errorf("status %d\n%s\n%s", r.status, r.stdout, r.stderr)
	}
}

// TestProgramBubblewrap runs Debian's bubblewrap, which makes namespaces of every kind for an ordinary user.
func TestProgramBubblewrap(t *testing.T) {
	t.Parallel()
	root := rootWith(t, debian(t, "bash", "bubblewrap", "coreutils", "grep", "hostname", "iproute2", "sed", "util-linux"), map[string]string{"t.sh": script(t, "bwrap.sh")})
	sameAsLinux(t, root, "/bin/bash", "/t.sh")
}
