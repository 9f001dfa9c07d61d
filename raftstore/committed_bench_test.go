package raftstore

import (
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
)

// BenchmarkCommitMark is what each batch of committed entries costs more.
func BenchmarkCommitMark(b *testing.B) {
	m, err := openCommitMark(filepath.Join(b.TempDir(), commitMarkName), zerolog.Nop())
	if err != nil {
		b.Fatal(err)
	}
	var index uint64
	for b.Loop() {
		index++
		m.committed(index, 1)
	}
	if err := m.close(); err != nil {
		b.Fatal(err)
	}
}
