package archive

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
)

// Report is what Verify found.
type Report struct {
	// Places are all records, oldest first.
	Places []Place
	// Head is the hash of the last record: with it, nothing before can be
	// changed unseen.
	Head Hash
	// Damaged are the files with something that was not written so, as a
	// sentence each; files set aside earlier are among them.
	Damaged []string
}

// At returns the State that was in force at the epoch: the last one recorded
// with it.
func (a *Archive) At(epoch uint64) (Record, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range slices.Backward(a.segments) {
		i := sort.Search(len(s.places), func(i int) bool { return s.places[i].Epoch > epoch })
		if i > 0 && s.places[i-1].Epoch == epoch {
			return s.read(s.places[i-1])
		}
	}
	return Record{}, fmt.Errorf("epoch %d: %w", epoch, ErrNotKept)
}

// ByIndex returns the record of a log entry.
func (a *Archive) ByIndex(index uint64) (Record, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range slices.Backward(a.segments) {
		i, found := slices.BinarySearchFunc(s.places, index, func(l located, i uint64) int { return cmp.Compare(l.Index, i) })
		if found {
			return s.read(s.places[i])
		}
	}
	return Record{}, fmt.Errorf("log entry %d: %w", index, ErrNotKept)
}

// List returns the places of the last records, oldest first, at most limit.
func (a *Archive) List(limit int) []Place {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []Place
	for _, s := range slices.Backward(a.segments) {
		for _, l := range slices.Backward(s.places) {
			if len(out) == limit {
				break
			}
			out = append(out, l.Place)
		}
	}
	slices.Reverse(out)
	return out
}

// Verify reads every file again and checks every octet of it.
func (a *Archive) Verify() (Report, error) {
	a.mu.Lock()
	segments, damaged, tables := slices.Clone(a.segments), slices.Clone(a.damaged), slices.Clone(a.tables)
	for i, s := range segments { // as they are now: Append goes on
		c := *s
		c.places = slices.Clone(s.places)
		segments[i] = &c
	}
	a.mu.Unlock()
	var rep Report
	for _, d := range damaged {
		rep.Damaged = append(rep.Damaged, d+": set aside when the agent started")
	}
	for i, s := range segments {
		problem, err := recheck(s)
		if err != nil {
			return rep, err
		}
		if i > 0 && s.number == segments[i-1].number+1 && s.before != segments[i-1].last {
			problem = "it does not continue the segment before it"
		}
		if problem != "" {
			rep.Damaged = append(rep.Damaged, s.path+": "+problem)
			continue
		}
		for _, l := range s.places {
			rep.Places = append(rep.Places, l.Place)
		}
		rep.Head = s.last
	}
	for _, t := range tables {
		_, err := t.read()
		switch {
		case errors.Is(err, ErrDamaged):
			rep.Damaged = append(rep.Damaged, err.Error())
		case err != nil && !errors.Is(err, ErrNotKept): // pruned meanwhile
			return rep, err
		}
	}
	return rep, nil
}

// recheck compares the file with what is known of it.
func recheck(s *segment) (problem string, err error) {
	now, _, err := readSegment(s.path, s.number)
	var bad *DamageError
	switch {
	case errors.As(err, &bad):
		return bad.Reason, nil
	case err != nil:
		return "", err
	case len(now.places) < len(s.places):
		return fmt.Sprintf("it holds %d records, %d were written", len(now.places), len(s.places)), nil
	case now.before != s.before || !slices.Equal(now.places[:len(s.places)], s.places):
		return "it is not the file that was written", nil
	}
	return "", nil
}

// Damaged are the files set aside since Open.
func (a *Archive) Damaged() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.damaged)
}
