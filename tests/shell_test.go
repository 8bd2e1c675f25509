//go:build guest

package tests

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	expect "github.com/Netflix/go-expect"
)

// session is an interactive run of the kernel on a terminal.
type session struct {
	t   *testing.T
	c   *expect.Console
	cmd *exec.Cmd
}

// interactive boots with a root and a first process on a terminal of its own.
func interactive(t *testing.T, root string, program ...string) *session {
	t.Helper()
	c, err := expect.NewConsole(expect.WithDefaultTimeout(60 * time.Second))
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"run", "-K", filepath.Join(repo, "build", "cleave.elf"), "-T", "240"}
	if root != "" {
		args = append(args, "-r", root)
	}
	if len(program) > 0 {
		args = append(append(args, "--"), program...)
	}
	cmd := exec.Command(filepath.Join(repo, "build", "cleave"), args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Tty(), c.Tty(), c.Tty()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
		c.Close()
	})
	return &session{t, c, cmd}
}

// want waits until the terminal shows text.
func (s *session) want(text string) {
	s.t.Helper()
	if seen, err := s.c.ExpectString(text); err != nil {
		s.t.Fatalf("waiting for %q: %v; the terminal showed:\n%q", text, err, seen)
	}
}

// send types text.
func (s *session) send(text string) {
	s.t.Helper()
	if _, err := s.c.Send(text); err != nil {
		s.t.Fatal(err)
	}
}

const (
	ctrlC = "\x03"
	ctrlD = "\x04"
	ctrlU = "\x15"
	ctrlZ = "\x1a"
)

// TestShellJobControl types at busybox's shell: editing, Ctrl-C, Ctrl-Z, fg, bg, Ctrl-D, and vi.
func TestShellJobControl(t *testing.T) {
	root := rootWith(t, debian(t, "busybox-static"), map[string]string{"etc/profile": "PS1='ready> '\n"})
	s := interactive(t, root, "/bin/busybox", "sh", "-l")
	s.want("ready> ")
	s.send("echo $((6*7))\r")
	s.want("\n42\r")
	s.want("ready> ")
	s.send("busybox stty -a | busybox grep -c isig; busybox cat\r")
	s.want("\n1\r")
	s.send("typo\x7f\x7f\x7f\x7fline\r")
	s.want("\nline\r")
	s.send("never seen" + ctrlU + "after kill\r")
	s.want("\nafter kill\r")
	s.send(ctrlC)
	s.want("^C")
	s.want("ready> ")
	s.send("busybox sh -c 'echo started $((50+5)); exec busybox sleep 1000'\r")
	s.want("started 55")
	s.send(ctrlZ)
	s.want("Stopped")
	s.want("ready> ")
	s.send("jobs\r")
	s.want("Stopped")
	s.want("ready> ")
	s.send("fg\r")
	s.want("exec busybox")
	s.send(ctrlC)
	s.want("ready> ")
	s.send("echo after $?\r")
	s.want("after 130\r")
	s.send("busybox sh -c 'echo started $((60+6)); while :; do :; done'\r") // a loop that never calls the kernel
	s.want("started 66")
	s.send(ctrlC)
	s.want("ready> ")
	s.send("busybox vi /tmp/v\r")
	s.want("100%") // the status line
	s.send("ihello from vi\x1b")
	s.want("- /tmp/v [Modified]")
	s.send(":wq\r")
	s.want("ready> ")
	s.send("busybox cat /tmp/v\r")
	s.want("\nhello from vi\r")
	s.want("ready> ")
	s.send(ctrlD)
	s.ends(0)
}

// ends waits for the machine to stop and compares the exit status.
func (s *session) ends(status int) {
	s.t.Helper()
	done := make(chan error, 1)
	go func() { done <- s.cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(60 * time.Second):
		shown, _ := s.c.Expect(expect.String("never shown"), expect.WithTimeout(time.Second)) //nolint:errcheck // it times out
		s.t.Fatalf("the machine did not stop; the terminal showed %q", shown)
	}
	if got := s.cmd.ProcessState.ExitCode(); got != status {
		s.t.Errorf("exit status %d, want %d", got, status)
	}
}

// TestShellDefaultRoot types at the shell that 'make run' ends in.
func TestShellDefaultRoot(t *testing.T) {
	s := interactive(t, "")
	s.want("$ ")
	s.send("echo typed $((40+2)); uname -m\r")
	s.want("typed 42")
	s.want("i686")
	s.want("$ ") // what is typed before the prompt is thrown away
	s.send("tail -f /etc/motd\r")
	s.want("Ctrl-A X")
	s.send(ctrlC)
	s.want("$ ")
	s.send("echo still $((60+6))\r")
	s.want("still 66")
	s.want("$ ")
	s.send("exit 0\r")
	s.ends(0)
}
