package abi

import "testing"

func TestErrnoNames(t *testing.T) {
	for e, want := range map[Errno]string{EPERM: "EPERM", EAGAIN: "EAGAIN", ERFKILL: "ERFKILL", 9999: "errno 9999"} {
		if e.Error() != want {
			t.Errorf("Errno(%d) is %q, want %q", uint16(e), e.Error(), want)
		}
	}
	if EPERM != 1 || ENOSYS != 38 || EWOULDBLOCK != EAGAIN {
		t.Error("the numbers are not Linux's")
	}
}
