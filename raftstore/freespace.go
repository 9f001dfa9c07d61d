package raftstore

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// freeSpace returns how many octets the file's disk has for others than root.
func freeSpace(f *os.File) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return 0, fmt.Errorf("look at disk: %w", err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil // of other types on other systems
}
