package archive

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sipsteer/sipsteer/pkg/wholefile"
)

// A table is what is too large to stand in every record: it is kept once for
// each change, in a file of its own, and the records name its SHA-256 in their
// payload. So the chain of the records covers the tables too. The file is
//
//	magic "sRtb", version u8, 0 0 0, SHA-256 of the text, text (deflate)
//
// and its name says from which log entry on it is in force.
const (
	tablesDir    = "tables"
	tableSuffix  = ".table"
	tableMagic   = "sRtb"
	tableVersion = 1
	tableHead    = 8 + sha256.Size
)

// tableFile is one table on the disk.
type tableFile struct {
	path  string
	index uint64 // of the log entry from which on it is in force
	sum   Hash
	size  int64
}

func tableName(index uint64, sum Hash) string {
	return fmt.Sprintf("%016x-%s%s", index, hex.EncodeToString(sum[:]), tableSuffix)
}

// parseTableName returns false for what is no name of a table.
func parseTableName(name string) (index uint64, sum Hash, ok bool) {
	number, rest, _ := strings.Cut(strings.TrimSuffix(name, tableSuffix), "-")
	index, err := strconv.ParseUint(number, 16, 64)
	text, bad := hex.DecodeString(rest)
	if err != nil || bad != nil || len(text) != len(sum) {
		return 0, sum, false
	}
	copy(sum[:], text)
	return index, sum, tableName(index, sum) == name
}

// loadTables lists the tables, oldest first, and removes what a crash left
// unfinished. What they hold is checked when it is read, and by Verify.
func (a *Archive) loadTables() error {
	dir := filepath.Join(a.cfg.Dir, tablesDir)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list tables of the past: %w", err)
	}
	for _, e := range entries { // in order of their names
		path := filepath.Join(dir, e.Name())
		if strings.HasSuffix(path, ".tmp") {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("remove unfinished table: %w", err)
			}
			continue
		}
		index, sum, ok := parseTableName(e.Name())
		if !ok {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return fmt.Errorf("look at table: %w", err)
		}
		a.tables = append(a.tables, tableFile{path, index, sum, info.Size()})
	}
	return nil
}

// KeepTable keeps a table that is in force from a log entry on; it is durable
// when KeepTable returns. One that is the newest already is not kept again. It
// must come before the record that names it.
func (a *Archive) KeepTable(index uint64, sum Hash, text []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.tables); n > 0 && a.tables[n-1].sum == sum {
		return nil
	}
	if a.cfg.Dir == "" {
		return errors.New("keep table: the past was not opened")
	}
	data, err := encodeTable(sum, text)
	if err != nil {
		return err
	}
	if most := a.cfg.MaxSize / 2; int64(len(data)) > most {
		return fmt.Errorf("keep table: it has %d octets, and tables may take %d of the past", len(data), most)
	}
	dir := filepath.Join(a.cfg.Dir, tablesDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make directory of tables: %w", err)
	}
	t := tableFile{filepath.Join(dir, tableName(index, sum)), index, sum, int64(len(data))}
	if err := wholefile.Replace(t.path, data); err != nil {
		return fmt.Errorf("keep table: %w", err)
	}
	a.reached(pointTableKept)
	a.tables = append(a.tables, t)
	return nil
}

func encodeTable(sum Hash, text []byte) ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, 0, tableHead+len(text)))
	b.WriteString(tableMagic)
	b.Write([]byte{tableVersion, 0, 0, 0})
	b.Write(sum[:])
	w, err := flate.NewWriter(b, flate.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("make compressor: %w", err)
	}
	_, err = w.Write(text)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("compress table: %w", err)
	}
	return b.Bytes(), nil
}

// readTable checks every octet against the sum that the table was named by.
func readTable(r io.Reader, path string, sum Hash) ([]byte, error) {
	head := make([]byte, tableHead)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, damage(path, errors.New("it ends early"))
	}
	want := append([]byte(tableMagic), tableVersion, 0, 0, 0)
	if want = append(want, sum[:]...); !bytes.Equal(head, want) {
		return nil, damage(path, errors.New("its head is not that of the table it is named for"))
	}
	text, err := io.ReadAll(io.LimitReader(flate.NewReader(r), maxPayload))
	if err != nil {
		return nil, damage(path, fmt.Errorf("unpack table: %w", err))
	}
	if sha256.Sum256(text) != sum {
		return nil, damage(path, errors.New("SHA-256 of the table does not match"))
	}
	if n, err := io.ReadFull(r, make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
		return nil, damage(path, errors.New("something stands behind the table"))
	}
	return text, nil
}

func (t tableFile) read() ([]byte, error) {
	data, err := os.ReadFile(t.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("table %x: %w", t.sum[:4], ErrNotKept)
	}
	if err != nil {
		return nil, fmt.Errorf("read table of the past: %w", err)
	}
	return readTable(bytes.NewReader(data), t.path, t.sum)
}

// Table returns a table by its sum.
func (a *Archive) Table(sum Hash) ([]byte, error) {
	a.mu.Lock()
	tables := slices.Clone(a.tables)
	a.mu.Unlock()
	err := fmt.Errorf("table %x: %w", sum[:4], ErrNotKept)
	for _, t := range slices.Backward(tables) {
		if t.sum != sum {
			continue
		}
		var text []byte
		if text, err = t.read(); err == nil {
			return text, nil
		}
	}
	return nil, err
}

// pruneTables must be called with mu held. It removes tables of which no record
// was left by the last Sync, and the oldest beyond half of MaxSize; the newest
// stays. It returns
// how many octets the others have.
func (a *Archive) pruneTables() (int64, error) {
	var size int64
	for _, t := range a.tables {
		size += t.size
	}
	first := a.firstIndex()
	for len(a.tables) > 1 {
		t, next := a.tables[0], a.tables[1]
		if unused := next.index <= first; !unused && size <= a.cfg.MaxSize/2 {
			break
		}
		if err := os.Remove(t.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return size, fmt.Errorf("remove old table: %w", err)
		}
		a.cfg.Logger.Info().Str("file", t.path).Msg("old table of the past removed")
		size -= t.size
		a.tables = a.tables[1:]
	}
	return size, nil
}

// firstIndex must be called with mu held. It is that of the oldest record, or 0.
func (a *Archive) firstIndex() uint64 {
	for _, s := range a.segments {
		if len(s.places) > 0 {
			return s.places[0].Index
		}
	}
	return 0
}
