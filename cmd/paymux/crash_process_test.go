package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// instance is one process of the program: killed, frozen and started again with the same configuration and address.
type instance struct {
	t       *testing.T
	binary  string
	args    []string
	address string // of its API
	log     *os.File

	mu      sync.Mutex
	process *exec.Cmd
	starts  int
	slowest time.Duration // start to ready
}

// child is a process of the binary without what this environment would tell it. It dies with the test.
func child(binary string, log io.Writer, args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, envPrefix) })
	cmd.Stderr = log
	return cmd
}

// ready starts cmd and reads the line that it prints when it is ready.
func ready(cmd *exec.Cmd) (line []byte, err error) {
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	return bufio.NewReader(out).ReadBytes('\n')
}

// start starts it and waits until it is ready.
func (i *instance) start() { i.launch()() }

// launch starts it; what it returns waits until it is ready. Who kills it meanwhile waits in vain, which is no fault.
func (i *instance) launch() (wait func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	cmd := child(i.binary, i.log, i.args...)
	out, err := cmd.StdoutPipe()
	require.NoError(i.t, err)
	began := time.Now()
	require.NoError(i.t, cmd.Start())
	i.process = cmd
	return func() {
		line, err := bufio.NewReader(out).ReadBytes('\n')
		took := time.Since(began)
		i.mu.Lock()
		defer i.mu.Unlock()
		if err == nil && json.Valid(line) {
			i.starts, i.slowest = i.starts+1, max(i.slowest, took)
		} else if i.process == cmd {
			i.t.Errorf("start %d: it did not become ready: %v\n%s", i.starts+1, err, i.said())
		}
	}
}

// signal sends s, if there is a process.
func (i *instance) signal(s os.Signal) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.process != nil {
		_ = i.process.Process.Signal(s) // it may just have ended
	}
}

// kill is kill -9, also of what is frozen. When it returns nothing of the process is left.
func (i *instance) kill() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.process == nil {
		return
	}
	_ = i.process.Process.Signal(syscall.SIGKILL)
	_ = i.process.Wait() // it was killed, which it calls an error
	i.process = nil
}

func (i *instance) dead() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.process == nil
}

// said is the end of what it logged.
func (i *instance) said() string {
	text, _ := os.ReadFile(i.log.Name())
	return tail(string(text), 6000)
}
