package archive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

var (
	// ErrDamaged is returned, with file and reason, when a record is not what
	// was written.
	ErrDamaged = errors.New("the past is damaged")
	// ErrNotKept is returned for an epoch that is not, or no longer, kept here.
	ErrNotKept = errors.New("not kept")
)

// DamageError names what is damaged.
type DamageError struct{ File, Reason string }

// Error implements error.
func (e *DamageError) Error() string { return fmt.Sprintf("%v: %s: %s", ErrDamaged, e.File, e.Reason) }

// Unwrap makes errors.Is(err, ErrDamaged) true.
func (e *DamageError) Unwrap() error { return ErrDamaged }

// Config says where the past is kept and for how long.
type Config struct {
	// Dir is made if it is missing.
	Dir string
	// MaxAge is how old a record may become. Default 90 days.
	MaxAge time.Duration
	// MaxSize is how many octets the files may have together, tables up to the
	// half of it. Default 256 MiB. The newest segment and the newest table stay.
	MaxSize int64
	// SegmentSize is when a new file is begun. Default 4 MiB: what is removed
	// at a time.
	SegmentSize int64
	// Reached, if set, is told of places in the middle of writes, before the next
	// step is taken. Tests end the process there. Nil in the program.
	Reached func(point string)
	// Logger is told of files that are set aside or removed.
	Logger zerolog.Logger
}

// Archive is the past of one agent. Its methods may be called from any
// goroutine. The zero value is an empty past that nothing may be appended to.
type Archive struct {
	cfg Config

	mu sync.Mutex
	// guarded by mu:
	segments []*segment // oldest first; the last one is written to
	file     *os.File   // of the last one; nil before the first Append
	dirty    bool       // something was written since the last Sync
	damaged  []string   // files set aside since Open
	tables   []tableFile
	encoder  encoder
}

const (
	defaultMaxAge      = 90 * 24 * time.Hour
	defaultMaxSize     = 256 << 20
	defaultSegmentSize = 4 << 20
	damagedSuffix      = ".damaged"
)

// Open reads and checks what is there. A damaged file is set aside, logged and
// never served; other agents may still have what it held.
func Open(cfg Config) (*Archive, error) {
	if cfg.MaxAge == 0 {
		cfg.MaxAge = defaultMaxAge
	}
	if cfg.MaxSize == 0 {
		cfg.MaxSize = defaultMaxSize
	}
	if cfg.SegmentSize == 0 {
		cfg.SegmentSize = defaultSegmentSize
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory of the past: %w", err)
	}
	a := &Archive{cfg: cfg}
	files, err := filepath.Glob(filepath.Join(cfg.Dir, "*.past"))
	if err != nil {
		return nil, fmt.Errorf("list the past: %w", err)
	}
	slices.Sort(files)
	for i, path := range files {
		if err := a.load(path, i == len(files)-1); err != nil {
			return nil, err
		}
	}
	return a, a.loadTables()
}

// load reads one segment. Only the last one may end in the middle of a record:
// a crash came between.
func (a *Archive) load(path string, last bool) error {
	number, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(path), ".past"), 16, 64)
	if err != nil {
		return fmt.Errorf("open past: %s is no name of a segment", path)
	}
	s, cut, err := readSegment(path, number)
	if last && errors.Is(err, errNoHead) {
		a.cfg.Logger.Warn().Str("file", path).Msg("newest part of the past was not begun; it is begun anew")
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove unfinished segment: %w", err)
		}
		return nil
	}
	if err == nil && cut && !last {
		err = damage(path, errCut)
	}
	if err == nil && len(a.segments) > 0 && number == a.newest().number+1 && s.before != a.newest().last {
		err = damage(path, errors.New("it does not continue the segment before it"))
	}
	if errors.Is(err, ErrDamaged) {
		a.damaged = append(a.damaged, path+damagedSuffix)
		a.cfg.Logger.Error().Err(errors.Join(err, os.Rename(path, path+damagedSuffix))).Msg("damaged part of the past set aside")
		return nil
	}
	if err != nil {
		return err
	}
	if cut {
		a.cfg.Logger.Warn().Str("file", path).Msg("last record of the past was not whole; it is written again from the log")
		if err := os.Truncate(path, s.size); err != nil {
			return fmt.Errorf("cut unfinished record: %w", err)
		}
	}
	a.segments = append(a.segments, s)
	return nil
}

func (a *Archive) newest() *segment { return a.segments[len(a.segments)-1] }

// Append writes a record behind the others. One whose Index is not beyond the
// last is passed over: the log is read again after a restart. It is durable
// after Sync.
func (a *Archive) Append(r Record) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.Index <= a.lastIndex() {
		return nil
	}
	if a.cfg.Dir == "" {
		return errors.New("write the past: it was not opened")
	}
	if err := a.ready(); err != nil {
		return err
	}
	s := a.newest()
	b, hash, err := a.encoder.record(s.last, r)
	if err != nil {
		return err
	}
	if a.cfg.Reached != nil { // a kernel may do it in two steps as well
		if _, err := a.file.WriteAt(b[:len(b)/2], s.size); err != nil {
			return fmt.Errorf("write the past: %w", err)
		}
		a.reached(pointRecordHalf)
	}
	// At its place, so that a write that failed half-way is written over.
	if _, err := a.file.WriteAt(b, s.size); err != nil {
		return fmt.Errorf("write the past: %w", err)
	}
	a.reached(pointRecordWritten)
	a.dirty = true
	s.add(r.Place, len(b)-recordHead-len(hash), hash)
	return nil
}

// ready must be called with mu held. It makes the last segment one that can be
// written to.
func (a *Archive) ready() error {
	full := len(a.segments) > 0 && a.newest().size >= a.cfg.SegmentSize
	if a.file != nil && !full {
		return nil
	}
	if len(a.segments) > 0 && !full {
		f, err := os.OpenFile(a.newest().path, os.O_RDWR, 0o600)
		if err != nil {
			return fmt.Errorf("open segment: %w", err)
		}
		a.file = f
		return nil
	}
	if err := a.closeFile(); err != nil {
		return err
	}
	number, before := uint64(1), Hash{}
	if len(a.segments) > 0 {
		number, before = a.newest().number+1, a.newest().last
	}
	s, f, err := create(a.cfg.Dir, number, before)
	if err != nil {
		return err
	}
	a.segments, a.file = append(a.segments, s), f
	a.reached(pointSegmentMade)
	return nil
}

// The points that Config.Reached is told.
const (
	pointSegmentMade   = "segment of the past made, empty"
	pointRecordHalf    = "record of the past half written"
	pointRecordWritten = "record of the past written, not synced"
	pointTableKept     = "table of the past kept, no record names it"
)

func (a *Archive) reached(point string) {
	if a.cfg.Reached != nil {
		a.cfg.Reached(point)
	}
}

// LastIndex is that of the last record, or 0.
func (a *Archive) LastIndex() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lastIndex()
}

// lastIndex must be called with mu held.
func (a *Archive) lastIndex() uint64 {
	for _, s := range slices.Backward(a.segments) {
		if n := len(s.places); n > 0 {
			return s.places[n-1].Index
		}
	}
	return 0
}

// Sync makes what was appended durable and removes what is too old.
func (a *Archive) Sync(now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.dirty {
		if err := a.file.Sync(); err != nil {
			return fmt.Errorf("sync the past: %w", err)
		}
		a.dirty = false
	}
	return a.prune(now)
}

// prune must be called with mu held.
func (a *Archive) prune(now time.Time) error {
	size, err := a.pruneTables()
	if err != nil {
		return err
	}
	for _, s := range a.segments {
		size += s.size
	}
	for len(a.segments) > 1 {
		s := a.segments[0]
		old := len(s.places) == 0 || now.Sub(s.places[len(s.places)-1].At) > a.cfg.MaxAge
		if !old && size <= a.cfg.MaxSize {
			return nil
		}
		if err := os.Remove(s.path); err != nil {
			return fmt.Errorf("remove old segment: %w", err)
		}
		a.cfg.Logger.Info().Str("file", s.path).Msg("old part of the past removed")
		size -= s.size
		a.segments = a.segments[1:]
	}
	return nil
}

// closeFile must be called with mu held.
func (a *Archive) closeFile() error {
	if a.file == nil {
		return nil
	}
	err := errors.Join(a.file.Sync(), a.file.Close())
	a.file, a.dirty = nil, false
	if err != nil {
		return fmt.Errorf("close segment: %w", err)
	}
	return nil
}

// Close makes everything durable and closes the files.
func (a *Archive) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closeFile()
}
