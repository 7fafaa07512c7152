package storagetest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// guards are pipes that break when this process ends, however it ends. Behind each a shell waits to stop the cluster and
// remove its files, so that nothing is left behind by a test that failed, panicked or was killed.
var guards []*os.File

// startCluster starts a cluster that listens on a socket in a folder of its own.
func startCluster(syncs bool) (*url.URL, error) {
	bin, err := serverBinaries()
	if err != nil {
		return nil, err
	}
	dir, err := clusterDir(syncs)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if err := run(dir, filepath.Join(bin, "initdb"), "-D", data, "-U", "paymux", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := watch(dir, bin, data); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	options := "-c listen_addresses='' -c unix_socket_directories=" + dir + " -c max_connections=200 -c shared_buffers=64MB"
	if !syncs {
		options += " -F"
	}
	if err := run(dir, filepath.Join(bin, "pg_ctl"), "start", "-w", "-D", data, "-l", filepath.Join(dir, "log"), "-o", options); err != nil {
		return nil, err
	}
	return &url.URL{Scheme: "postgres", User: url.User("paymux"), Path: "/postgres", RawQuery: url.Values{"host": {dir}}.Encode()}, nil
}

// serverBinaries finds the folder with initdb and pg_ctl: on the path, where pg_config says, or where Debian puts them.
func serverBinaries() (string, error) {
	var dirs []string
	if path, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
		dirs = append(dirs, filepath.Dir(path))
	}
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil { //nolint:noctx // answers at once
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	versioned, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.Reverse(versioned) // the newest first
	for _, dir := range append(dirs, versioned...) {
		if executable(filepath.Join(dir, "initdb")) && executable(filepath.Join(dir, "pg_ctl")) {
			return dir, nil
		}
	}
	return "", errors.New("initdb and pg_ctl were not found")
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir() && info.Mode()&0o111 != 0
}

// clusterDir is a new folder with a short path, since that of a socket has about a hundred characters at most.
func clusterDir(syncs bool) (string, error) {
	parent := os.TempDir()
	if len(parent) > 40 || os.Geteuid() == 0 { // and one that the unprivileged user can reach
		parent = "/tmp"
	}
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() && !syncs {
		parent = "/dev/shm" // memory: a database per test costs less there
	}
	dir, err := os.MkdirTemp(parent, "paymux-pg")
	if err != nil {
		return "", err
	}
	return dir, giveAway(dir)
}

// run runs a program of the server; its output matters only when it fails. Nothing of the server keeps our output open.
func run(dir, name string, args ...string) error {
	out, err := os.Create(filepath.Join(dir, filepath.Base(name)+".out"))
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(name, args...) //nolint:gosec,noctx // found above
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	unprivileged(cmd)
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name())
		return fmt.Errorf("%s: %w: %s", filepath.Base(name), err, text)
	}
	return nil
}

// watch starts the shell that cleans up behind a guard.
func watch(dir, bin, data string) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = read.Close() }()
	cmd := exec.Command("/bin/sh", "-c", `read _; "$1/pg_ctl" stop -D "$2" -m immediate >/dev/null 2>&1; rm -rf "$3"`, "sh", bin, data, dir) //nolint:noctx // outlives us
	cmd.Dir, cmd.Stdin = "/", read
	unprivileged(cmd)
	if err := cmd.Start(); err != nil {
		return errors.Join(err, write.Close())
	}
	guards = append(guards, write) // an unreachable file would be closed
	return nil
}
