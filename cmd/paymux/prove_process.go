package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"

	"github.com/paymux/paymux/cmd/paymux/campaign"
)

// worldLimit is more real time than a world needs on a busy machine.
const worldLimit = 10 * time.Minute

// keptWords bounds what is kept of what a worker wrote to stderr, from the beginning: a panic says first what it is about.
const keptWords = 4 << 10

// proveWorker is a process of this binary that lives through worlds.
type proveWorker struct {
	cmd     *exec.Cmd
	tasks   io.WriteCloser
	reports *bufio.Reader
	said    utterance
}

// startProveWorker starts one that is killed when ctx ends.
func startProveWorker(ctx context.Context, program string) (*proveWorker, error) {
	w := &proveWorker{cmd: exec.CommandContext(ctx, program, "prove-worker")}
	w.cmd.Stderr = &w.said
	w.cmd.WaitDelay = time.Second
	tasks, err := w.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	reports, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.tasks, w.reports = tasks, bufio.NewReader(reports)
	return w, w.cmd.Start()
}

// live has one world lived through. After an error the process is of no more use.
func (w *proveWorker) live(todo task) (r campaign.Report, err error) {
	var late bool
	var mu sync.Mutex
	limit := time.AfterFunc(worldLimit, func() {
		mu.Lock()
		defer mu.Unlock()
		late = true
		_ = w.cmd.Process.Kill()
	})
	defer limit.Stop()
	if err := json.NewEncoder(w.tasks).Encode(todo); err != nil {
		return r, fmt.Errorf("the world cannot be begun: %w", err)
	}
	line, err := w.reports.ReadBytes('\n')
	mu.Lock()
	defer mu.Unlock()
	switch {
	case late:
		return r, fmt.Errorf("the world did not end in %s of real time", worldLimit)
	case errors.Is(err, io.EOF):
		return r, errors.New("the world broke its process")
	case err != nil:
		return r, err
	}
	return r, json.Unmarshal(line, &r)
}

// end ends the process and returns what it had to say about it.
func (w *proveWorker) end() string {
	_ = w.tasks.Close()
	if err := w.cmd.Wait(); err == nil {
		return ""
	}
	return w.said.String()
}

// utterance is the beginning of what a process writes.
type utterance struct {
	mu   sync.Mutex
	text []byte
}

func (u *utterance) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.text = append(u.text, p[:min(len(p), keptWords-len(u.text))]...)
	return len(p), nil
}

func (u *utterance) String() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return string(u.text)
}
