package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is the program running in this one.
type process struct {
	t      *testing.T
	out    *bufio.Reader
	errs   *logged
	stop   context.CancelFunc
	done   chan int
	result *int
}

// logged is what a process writes to stderr.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func launch(t *testing.T, args ...string) *process {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	p := &process{t: t, out: bufio.NewReader(r), errs: &logged{}, stop: stop, done: make(chan int, 1)}
	go func() {
		code := run(ctx, args, w, p.errs)
		_ = w.Close()
		p.done <- code
	}()
	t.Cleanup(func() { p.end() })
	return p
}

// line is the next line of stdout.
func (p *process) line() string {
	p.t.Helper()
	line, err := p.out.ReadString('\n')
	require.NoError(p.t, err, "stderr: %s", p.errs)
	return line
}

func (p *process) started() (s started) {
	p.t.Helper()
	dec := json.NewDecoder(strings.NewReader(p.line()))
	dec.DisallowUnknownFields()
	require.NoError(p.t, dec.Decode(&s))
	return s
}

// end stops it and returns its exit code.
func (p *process) end() int {
	p.t.Helper()
	if p.result != nil {
		return *p.result
	}
	p.stop()
	go func() { _, _ = io.Copy(io.Discard, p.out) }()
	select {
	case code := <-p.done:
		p.result = &code
		return code
	case <-time.After(20 * time.Second):
		p.t.Fatal("it does not stop")
		return -1
	}
}
