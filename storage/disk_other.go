//go:build !linux

package storage

// diskSpace cannot be known here without more libraries; the operating system's own alarm has to do.
func diskSpace(string) (free, total uint64, ok bool) { return 0, 0, false }

func networkDisk(string) string { return "" }
