package cli

import (
	"fmt"
	"os"
	"strconv"
)

// firstSocket is the descriptor of the first socket that systemd hands on
// (sd_listen_fds(3)).
const firstSocket = 3

// handedOn returns the sockets that systemd has opened for this process
// (socket activation), none without it.
func (a *app) handedOn() ([]*os.File, error) {
	if pid := a.env("LISTEN_PID"); pid != strconv.Itoa(os.Getpid()) {
		return nil, nil // none, or meant for another process
	}
	n, err := strconv.Atoi(a.env("LISTEN_FDS"))
	if err != nil || n < 0 || n > 256 {
		return nil, fmt.Errorf("take over sockets: LISTEN_FDS is %q", a.env("LISTEN_FDS"))
	}
	var files []*os.File
	for i := range n {
		files = append(files, os.NewFile(uintptr(firstSocket+i), fmt.Sprintf("fd %d", firstSocket+i)))
	}
	return files, nil
}
