//go:build unix

package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Ctrl-C at a terminal reaches every process: it is no finding of theirs.
func TestProveIsInterrupted(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, "prove", "--seed", "100", "--seeds", "10000000", "--json")
	cmd.Env = append(os.Environ(), "PAYMUX_TEST_PROCESS="+brokenWorlds)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out bytes.Buffer
	cmd.Stdout = &out
	errs, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	said := bufio.NewReader(errs)
	first, err := said.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, first, " of 10000000 worlds", "it says early that it is on its way")
	require.NoError(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGINT))
	rest, err := io.ReadAll(said)
	require.NoError(t, err)
	require.Error(t, cmd.Wait())
	require.Equal(t, exitFailed, cmd.ProcessState.ExitCode())
	require.Contains(t, string(rest), "interrupted after")
	p := parsed(t, out.String())
	require.True(t, p.Interrupted)
	require.False(t, p.Sound, "nothing is known of the worlds that were not lived through")
	require.Zero(t, p.Violations, p.Failed)
	require.Positive(t, p.Lived)
	require.Less(t, p.Lived, p.Seeds)
	require.Equal(t, p.Lived, p.Providers["aps"].Lived, "what did run is counted")
	require.ErrorIs(t, syscall.Kill(-cmd.Process.Pid, 0), syscall.ESRCH, "no worker is left")
}
