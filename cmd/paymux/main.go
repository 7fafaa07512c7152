// Command paymux is one checkout API over several payment providers.
//
// It exits with 0 when it is done or was stopped by SIGTERM, SIGINT or SIGHUP, with 1 when something failed while it ran
// or it was stopped before it was done (a proof that was stopped is none), with 2 when the command line or the
// configuration is wrong, and with 130 when a second signal ended it at once.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/lmittmann/tint"
	"github.com/mattn/go-isatty"
)

// The exit codes.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitAtOnce  = 130
	programName = "paymux"
)

type commandLine struct {
	Serve    serveCommand    `cmd:"" help:"Serve the API with the accounts of a configuration."`
	Demo     demoCommand     `cmd:"" help:"Try it: API, simulated provider and a small shop on this machine."`
	Sandbox  sandboxCommand  `cmd:"" help:"Run the simulated providers alone."`
	Migrate  migrateCommand  `cmd:"" help:"Bring the database's schema to the newest version."`
	Keys     keysCommand     `cmd:"" help:"Create, list and revoke API keys."`
	Feedback feedbackCommand `cmd:"" help:"Export, import and replay what providers have told."`
	Prove    proveCommand    `cmd:"" help:"Live through worlds full of faults and check the promises about money."`

	Help         helpCommand    `cmd:"" help:"Show how a command is used."`
	ShowsVersion versionCommand `cmd:"" name:"version" help:"Show the version."`

	ProveWorker proveWorkerCommand `cmd:"" hidden:"" help:"A process of prove."`

	Log      string           `enum:"auto,text,json" default:"auto" help:"How logs are written to stderr: text, json, or auto (text on a terminal)."`
	LogLevel slog.Level       `default:"info" help:"Least level that is logged: debug, info, warn, error."`
	Version  kong.VersionFlag `help:"Show the version."`
}

func main() {
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	go func() {
		<-signals
		stop()
		<-signals
		os.Exit(exitAtOnce)
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// output is where commands write: what was asked for, and what happened.
type output struct {
	io.Writer
	people io.Writer // who wait, and look at stderr
	log    *slog.Logger
}

// exit is what kong's --help and --version end the command line with.
type exit int

// run is the program: it ends when its command is done or ctx is.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	defer func() {
		if e, ok := recover().(exit); ok {
			code = int(e)
		}
	}()
	var c commandLine
	parser := kong.Must(&c, kong.Name(programName), kong.Description("One checkout API over several payment providers."),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { panic(exit(code)) }), kong.Vars{"version": version(), "worlds": strings.Join(worldNames(), ", ")})
	cmd, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v%s\n", programName, err, advice(err))
		return exitUsage
	}
	out := output{stdout, stderr, slog.New(logHandler(stderr, c.Log, c.LogLevel))}
	cmd.BindTo(ctx, (*context.Context)(nil))
	err = cmd.Run(out)
	_, wrong := errors.AsType[*configError](err)
	switch {
	case err == nil:
		return exitDone
	case wrong: // for people who write the file, not for a log
		fmt.Fprintln(stderr, err)
		return exitUsage
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		out.log.Info("stopped before it was done")
		return exitFailed
	}
	out.log.Error("failed", "error", err)
	return exitFailed
}

// helpCommand is --help of another command, in the words that many programs have for it.
type helpCommand struct {
	Command []string `arg:"" optional:"" help:"The command, such as serve or keys create; without it, all are listed."`
}

// Run ends the program as --help does. A command that is not there is told, with those that are.
func (cmd *helpCommand) Run(c *kong.Context) error {
	_, err := c.Parse(append(slices.Clone(cmd.Command), "--help"))
	if err == nil {
		return nil
	}
	return &configError{fmt.Errorf("%s: %w%s", programName, err, advice(err))}
}

type versionCommand struct{}

// Run prints what --version prints.
func (*versionCommand) Run(out output) error {
	_, err := fmt.Fprintln(out, version())
	return err
}

// advice says what an argument that nobody expected could have been meant for.
func advice(err error) string {
	e, ok := errors.AsType[*kong.ParseError](err)
	if !ok || !strings.HasPrefix(err.Error(), "unexpected argument") {
		return ""
	}
	node := e.Context.Selected()
	if node == nil {
		node = e.Context.Model.Node
	}
	var commands []string
	for _, child := range node.Children {
		if !child.Hidden {
			commands = append(commands, child.Name)
		}
	}
	switch {
	case len(commands) > 0:
		return "; there are " + strings.Join(commands, ", ")
	case slices.ContainsFunc(node.Flags, func(f *kong.Flag) bool { return f.Name == "config" }):
		return "; a configuration is named by --config FILE"
	}
	return ""
}

func logHandler(w io.Writer, format string, level slog.Level) slog.Handler {
	f, isFile := w.(*os.File)
	if terminal := isFile && isatty.IsTerminal(f.Fd()); format == "text" || format == "auto" && terminal {
		return tint.NewTextHandler(w, &tint.Options{Level: level, NoColor: !terminal})
	}
	return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
}

// version is what the binary was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && v == "(devel)" {
			v = s.Value
		}
	}
	return v + " " + info.GoVersion
}
