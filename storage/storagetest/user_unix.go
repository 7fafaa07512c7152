//go:build unix

package storagetest

import (
	"os"
	"os/exec"
	"syscall"
)

// nobody is the unprivileged user; the server refuses to run as root.
const nobody = 65534

// unprivileged keeps cmd from being root, and from signals meant for the tests.
func unprivileged(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
}

// giveAway makes dir the unprivileged user's.
func giveAway(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(dir, nobody, nobody)
}
