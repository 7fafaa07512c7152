package storage

import (
	"path/filepath"
	"syscall"
)

// networkDisks are file systems on which several machines may hold the same file (statfs(2)).
var networkDisks = map[int64]string{0x6969: "NFS", 0x517b: "SMB", 0xfe534d42: "SMB", 0xff534d42: "CIFS", 0x01021997: "9p", 0x00c36400: "Ceph", 0x5346414f: "AFS"}

// diskSpace is what the disk of path has free for everybody, and in all, in bytes.
func diskSpace(path string) (free, total uint64, ok bool) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &st); err != nil {
		return 0, 0, false
	}
	return st.Bavail * uint64(st.Bsize), st.Blocks * uint64(st.Bsize), true
}

// networkDisk names the network file system path is on, empty for a local one.
func networkDisk(path string) string {
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return ""
	}
	return networkDisks[int64(st.Type)&0xffffffff] //nolint:unconvert // it has 32 bits on other processors
}
