//go:build guest

package tests

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// debianLock keeps parallel tests from downloading the same packages twice.
var debianLock sync.Mutex

// debian returns a folder with Debian's i386 packages and all that they depend on, unpacked. It is made once, below
// build/debian, with apt's state apart from the host's, so that the host's packages and architectures stay as they are.
func debian(t *testing.T, packages ...string) string {
	t.Helper()
	debianLock.Lock()
	defer debianLock.Unlock()
	base, err := filepath.Abs(filepath.Join(repo, "build", "debian"))
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(base, strings.Join(packages, "+"))
	if _, err := os.Stat(root); err == nil {
		return root
	}
	work := root + ".new"
	if err := os.RemoveAll(work); err != nil {
		t.Fatal(err)
	}
	apt := aptOptions(t, base)
	if text, err := exec.Command("apt-get", append(apt, "-qq", "update")...).CombinedOutput(); err != nil {
		t.Logf("apt-get update: %v\n%s(going on: the download says whether the lists suffice)", err, text)
	}
	archives := filepath.Join(base, "archives-"+filepath.Base(root))
	apt = append(apt, "-o", "Dir::Cache::archives="+archives)
	mkdir(t, filepath.Join(archives, "partial"))
	command(t, "apt-get", append(append(apt, "-qq", "-y", "--no-install-recommends", "-d", "install"), packages...)...)
	debs, err := filepath.Glob(filepath.Join(archives, "*.deb"))
	if err != nil || len(debs) == 0 {
		t.Fatalf("no packages were downloaded: %v", err)
	}
	mkdir(t, work)
	for _, deb := range debs {
		command(t, "dpkg-deb", "-x", deb, work)
	}
	for _, d := range []string{"dev", "proc", "sys", "tmp", "root", "etc"} {
		mkdir(t, filepath.Join(work, d))
	}
	if err := os.Rename(work, root); err != nil {
		t.Fatal(err)
	}
	return root
}

// aptOptions points apt at a state of its own below base, for the architecture i386 alone.
func aptOptions(t *testing.T, base string) []string {
	t.Helper()
	state := filepath.Join(base, "apt")
	mkdir(t, filepath.Join(state, "lists", "partial"))
	mkdir(t, filepath.Join(state, "cache"))
	status := filepath.Join(state, "status")
	if err := os.WriteFile(status, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return []string{"-o", "APT::Architecture=i386", "-o", "APT::Architectures=i386", "-o", "Dir::State=" + state,
		"-o", "Dir::Cache=" + filepath.Join(state, "cache"), "-o", "Dir::State::status=" + status,
		"-o", "Debug::NoLocking=1", "-o", "Acquire::Retries=3", "-o", "APT::Sandbox::User=root"}
}

func mkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

// command runs a command of the host that must succeed.
func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if text, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, text)
	}
}

// rootWith returns a copy of a root folder with more files in it (path in the root -> contents, executable).
func rootWith(t *testing.T, base string, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	command(t, "cp", "-a", base+"/.", root)
	for name, text := range files {
		path := filepath.Join(root, name)
		mkdir(t, filepath.Dir(path))
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// inRoot runs a program of a root folder on the host's Linux, in namespaces of its own and on one processor, as Cleave
// has, which it shares with no other such program. Its root is a real one, not a chroot, in which user namespaces are refused; the host's is below /old. Standard
// error is mixed with standard output, as on Cleave's console.
func inRoot(t *testing.T, root string, program ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	processor := <-processors
	defer func() { processors <- processor }()
	return execute(t, inRootCommand(ctx, processor, root, program...), "")
}

func inRootCommand(ctx context.Context, processor int, root string, program ...string) *exec.Cmd {
	script := fmt.Sprintf(`cd %[1]s && mkdir -p old && mount --bind . . && cd . && cd %[1]s && mount -t proc proc proc && mount --rbind /dev dev &&
mount -t tmpfs -o mode=1777 tmpfs tmp && pivot_root . old && cd / && exec "$@" 2>&1`, root)
	args := append([]string{"-c", strconv.Itoa(processor), "unshare", "-mpf", "--kill-child", "--propagation", "private", "sh", "-c", script, "sh"}, program...)
	cmd := exec.CommandContext(ctx, "taskset", args...)
	cmd.Env = []string{"HOME=/", "TERM=linux", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	return cmd
}

// sameAsLinux runs a program of a root folder on the host's Linux and in Cleave: output and exit status must agree.
func sameAsLinux(t *testing.T, root string, program ...string) {
	t.Helper()
	want := inRoot(t, root, program...)
	got := guest{root: root, mem: 256}.run(t, program...)
	if got.stdout != want.stdout || got.status != want.status || strings.Contains(got.stderr, "leak") {
		t.Errorf("Cleave: status %d\n%s\nstderr:\n%s\nLinux: status %d\n%s%s", got.status, got.stdout, got.stderr,
			want.status, want.stdout, want.stderr)
	}
}
