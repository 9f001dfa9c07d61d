package archive

import "testing"

// TestAfter goes through all segments page by page, from between two records too.
func TestAfter(t *testing.T) {
	a := open(t, Config{Dir: t.TempDir(), SegmentSize: 2000})
	if l := a.After(0, 7); len(l) != 0 {
		t.Errorf("an empty archive: %+v", l)
	}
	fill(t, a, 1, 40)
	var seen []uint64
	for last := uint64(0); ; {
		page := a.After(last, 7)
		if len(page) == 0 {
			break
		}
		for _, p := range page {
			seen = append(seen, p.Epoch)
		}
		last = page[len(page)-1].Index
	}
	if len(seen) != 40 || seen[0] != 1 || seen[39] != 40 {
		t.Errorf("seen %v", seen)
	}
	if l := a.After(105, 2); len(l) != 2 || l[0].Epoch != 11 {
		t.Errorf("between two: %+v", l)
	}
}
