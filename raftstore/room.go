package raftstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"
)

// room keeps the file of the log written ahead of the log. bbolt makes its file
// longer without writing what it adds, so the first commit to each of those
// pages has the file system allocate a block, and its fsync waits for the file
// system's journal. Zeros that lie behind bbolt's last page mean nothing: it
// writes a page whole before it refers to it.
type room struct {
	journal *journal
	want    int64 // octets behind the last page that is used
	logger  zerolog.Logger
}

const (
	// roomStep is written at a time, with a sync of its own: what is dirty in
	// the file when a commit comes, the commit waits for.
	roomStep = 256 << 10
	// roomLook is how often it is looked at, and roomRetry the pause after the
	// disk had none.
	roomLook  = time.Second
	roomRetry = time.Minute
	// roomShare of the free disk is taken at most: the answers' own files and the
	// history want to be written too.
	roomShare = 16
)

// errNoRoom says that the disk has none to spare.
var errNoRoom = errors.New("disk has too little room to spare")

// keep makes room until ctx ends. What the disk refuses is no fault of the log:
// it goes on without.
func (r *room) keep(ctx context.Context) {
	for {
		rest := roomLook
		if err := r.fill(ctx); err != nil {
			r.logger.Debug().Err(err).Msg("no room made ahead of the log; commits may take longer")
			rest = roomRetry
		}
		if !sleep(ctx, rest) {
			return
		}
	}
}

// fill makes the room whole once half of it is used.
func (r *room) fill(ctx context.Context) (err error) {
	f, err := os.OpenFile(r.journal.file, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	used, size, err := extent(f)
	if err != nil || size-used >= r.want/2 {
		return err
	}
	if free, err := freeSpace(f); err != nil || free < roomShare*r.want {
		return errors.Join(err, errNoRoom)
	}
	for ctx.Err() == nil && size-used < r.want {
		if err := r.journal.between(func() error { size, err = lengthen(f); return err }); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return fmt.Errorf("sync log: %w", err)
		}
	}
	return nil
}

// extent returns how much of a file bbolt uses, and how long it is.
func extent(f *os.File) (used, size int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, 0, fmt.Errorf("look at log: %w", err)
	}
	head := boltFile{data: make([]byte, 2*os.Getpagesize())}
	if _, err := f.ReadAt(head.data, 0); err != nil && !errors.Is(err, io.EOF) {
		return 0, 0, fmt.Errorf("read log: %w", err)
	}
	if _, err := head.findMeta(); err != nil {
		return 0, 0, fmt.Errorf("read log: %w", err)
	}
	return int64(head.end * head.pageSize), info.Size(), nil
}

// lengthen puts one step of zeros behind the file's end, or leaves it as it is.
// Nobody may write to the file meanwhile.
func lengthen(f *os.File) (size int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("look at log: %w", err)
	}
	size = info.Size()
	if _, err := f.WriteAt(make([]byte, roomStep), size); err != nil {
		return size, errors.Join(fmt.Errorf("lengthen log: %w", err), f.Truncate(size))
	}
	return size + roomStep, nil
}
