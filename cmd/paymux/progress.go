package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
)

// progress tells people how far a long command is: a bar on a terminal, elsewhere a line at the beginning, at every
// tenth of the way and every half minute.
type progress struct {
	to       io.Writer
	terminal bool
	all      int
	began    time.Time
	tenths   int       // told so far
	last     time.Time // a line was written; zero before the first
}

const (
	barWidth  = 30
	lineEvery = 30 * time.Second
)

func newProgress(to io.Writer, all int) *progress {
	f, isFile := to.(*os.File)
	return &progress{to: to, terminal: isFile && isatty.IsTerminal(f.Fd()), all: all, began: time.Now()}
}

// at says that done of all are done.
func (p *progress) at(done, violations int) {
	tenths := 10 * done / p.all
	if !p.terminal && tenths == p.tenths && time.Since(p.last) < lineEvery {
		return
	}
	p.tenths, p.last = tenths, time.Now()
	took := time.Since(p.began)
	left := (took / time.Duration(done) * time.Duration(p.all-done)).Round(time.Second)
	text := fmt.Sprintf("%d of %d worlds, %d violations, %s, %s left", done, p.all, violations, took.Round(time.Second), left)
	if !p.terminal {
		fmt.Fprintln(p.to, text)
		return
	}
	full := barWidth * done / p.all
	fmt.Fprintf(p.to, "\r\x1b[K[%s%s] %s", strings.Repeat("#", full), strings.Repeat(" ", barWidth-full), text)
}

// end leaves the bar's line.
func (p *progress) end() {
	if p.terminal {
		fmt.Fprintln(p.to)
	}
}
