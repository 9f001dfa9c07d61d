package archive

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
)

// TestDeathInTheMiddleOfARecord stops at each point of a write, as a kill does,
// and goes on with what is on disk: everything before is there, what was under
// way comes again, and nothing counts as damaged.
func TestDeathInTheMiddleOfARecord(t *testing.T) {
	type death struct{}
	for _, point := range []string{pointSegmentMade, pointRecordHalf, pointRecordWritten, pointTableKept} {
		t.Run(point, func(t *testing.T) {
			dir := t.TempDir()
			const lives, atMost = 6, 40
			next := uint64(1)
			for life := range lives {
				passed := 0
				a, err := Open(Config{Dir: dir, SegmentSize: 700, Logger: zerolog.Nop(), Reached: func(now string) {
					if now == point {
						if passed++; passed == 1+life%2 {
							panic(death{})
						}
					}
				}})
				if err != nil {
					t.Fatal(err)
				}
				if got := a.LastIndex(); len(a.Damaged()) > 0 || got+1 < next-1 {
					t.Fatalf("life %d: ends at %d, %d was synced; damaged %q", life, got, next-1, a.Damaged())
				}
				done := next
				func() {
					defer func() {
						next = done
						if p := recover(); p != nil && p != (death{}) {
							panic(p)
						}
					}()
					for i := a.LastIndex() + 1; ; i++ {
						if i > next+atMost {
							t.Fatal("the point never came")
						}
						text := fmt.Appendf(nil, "table %d", i)
						if err := a.KeepTable(i, sha256.Sum256(text), text); err != nil {
							t.Fatal(err)
						}
						payload := fmt.Appendf(nil, "state %d of life %d", i, life)
						if err := a.Append(Record{Payload: payload, Place: Place{Epoch: i, Index: i, Sum: sha256.Sum256(payload)}}); err != nil {
							t.Fatal(err)
						}
						done = i + 1
					}
				}()
			}
			a, err := Open(Config{Dir: dir, Logger: zerolog.Nop()})
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			rep, err := a.Verify()
			if err != nil || len(rep.Damaged) > 0 || uint64(len(rep.Places)) < next-1 {
				t.Errorf("%d records of %d, damaged %q, %v", len(rep.Places), next-1, rep.Damaged, err)
			}
		})
	}
}

// A process may die between making a file and writing to it.
func TestSegmentThatWasNotBegun(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, segmentName(1)), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := Open(Config{Dir: dir, Logger: zerolog.Nop()})
	if err != nil || len(a.Damaged()) > 0 {
		t.Fatalf("damaged %q, %v", a.Damaged(), err)
	}
	defer a.Close()
	if err := a.Append(Record{Payload: []byte("x"), Place: Place{Epoch: 1, Index: 1, Sum: sha256.Sum256([]byte("x"))}}); err != nil {
		t.Error(err)
	}
}
