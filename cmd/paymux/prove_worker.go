package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"testing"

	"github.com/paymux/paymux/cmd/paymux/campaign"
)

// proveWorkerCommand is a process of `paymux prove`: it lives through the worlds it reads the names of, one JSON object a
// line, and writes a report each, the same way.
//
// This is the one file of the program that imports testing: a world needs testing/synctest, and that a *testing.T.
// Nothing of it runs, and no flag of it exists, before this command does.
type proveWorkerCommand struct{}

// task is one world to live through.
type task struct {
	Provider string `json:"provider"`
	Seed     uint64 `json:"seed"`
	Twice    bool   `json:"twice,omitempty"`
	Trace    bool   `json:"trace,omitempty"` // wanted in the report
}

// Run ends the process when its input does. Ctrl-C at a terminal reaches workers too, and is left to their parent, who
// would take a worker that is gone for a world that broke it.
func (cmd *proveWorkerCommand) Run() error {
	// What package testing writes and parses is its own: stdout belongs to the reports, the arguments to this command.
	reports := os.Stdout
	os.Stdout, os.Args = os.Stderr, os.Args[:1]
	runtime.GOMAXPROCS(1) // one goroutine runs at a time, as the seed has it
	worlds := testing.InternalTest{Name: "Worlds", F: func(t *testing.T) {
		if err := liveThrough(t, os.Stdin, reports); err != nil {
			t.Fatal(err)
		}
	}}
	testing.Main(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{worlds}, nil, nil)
	return nil
}

// liveThrough does the tasks of in, in order.
func liveThrough(t *testing.T, in io.Reader, out io.Writer) error {
	lines, answers := bufio.NewScanner(in), json.NewEncoder(out)
	for lines.Scan() {
		var todo task
		if err := json.Unmarshal(lines.Bytes(), &todo); err != nil {
			return err
		}
		live, ok := campaign.Worlds[todo.Provider]
		if !ok {
			return fmt.Errorf("there is no world of %q", todo.Provider)
		}
		run := live
		if todo.Twice {
			run = func(t *testing.T, seed uint64) campaign.Report { return campaign.Twice(t, live, seed) }
		}
		r := run(t, todo.Seed)
		if !todo.Trace {
			r.Trace = nil
		}
		if err := answers.Encode(r); err != nil {
			return err
		}
	}
	return lines.Err()
}
