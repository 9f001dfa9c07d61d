package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// tenantsOf makes a table of a plain map.
func tenantsOf(t testing.TB, m map[TenantID]ServiceID) *Tenants {
	t.Helper()
	out, _, err := (*Tenants)(nil).Edit(changesOf(m))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func changesOf(m map[TenantID]ServiceID) []TenantChange {
	var out []TenantChange
	for _, d := range slices.Sorted(maps.Keys(m)) {
		out = append(out, TenantChange{d, m[d]})
	}
	return out
}

// manyTenants are n tenants, spread over three services.
func manyTenants(n int) map[TenantID]ServiceID {
	out := make(map[TenantID]ServiceID, n)
	for i := range n {
		out[TenantID(fmt.Sprintf("customer-%06d.voice.example.net", i))] = ServiceID([]string{"west", "east", "north"}[i%3] + ".voice.example.net")
	}
	return out
}

// checkTenants compares a table with a plain map, in every way it can be read.
func checkTenants(t testing.TB, got *Tenants, want map[TenantID]ServiceID) {
	t.Helper()
	if got.Len() != len(want) || !maps.Equal(maps.Collect(got.All()), want) {
		t.Fatalf("%d tenants, want %d", got.Len(), len(want))
	}
	counts := map[ServiceID]int{}
	last := TenantID("")
	for d, s := range got.All() {
		if last >= d {
			t.Fatalf("%q after %q", d, last)
		}
		if one, ok := got.Service(d); !ok || one != s {
			t.Fatalf("%q is at %q, %t; want %q", d, one, ok, s)
		}
		if one, ok := got.Find([]byte(d)); !ok || one != s {
			t.Fatalf("%q is found at %q, %t; want %q", d, one, ok, s)
		}
		for _, near := range []TenantID{d + "0", d[:len(d)-1], "0"} {
			if one, ok := got.Service(near); ok != (want[near] != "") || one != want[near] {
				t.Fatalf("%q is at %q, %t", near, one, ok)
			}
			if one, ok := got.Find([]byte(near)); ok != (want[near] != "") || one != want[near] {
				t.Fatalf("%q is found at %q, %t", near, one, ok)
			}
		}
		counts[s]++
		last = d
	}
	for _, s := range got.Services() {
		if counts[s.Service] != s.Tenants {
			t.Fatalf("%d tenants of %s, want %d", s.Tenants, s.Service, counts[s.Service])
		}
		delete(counts, s.Service)
	}
	if len(counts) > 0 {
		t.Fatalf("services %v are missing", counts)
	}
	for i, c := range got.Chunks() {
		if c.Len() == 0 || c.Len() > chunkMost || c.Len() < chunkLeast && i+1 < len(got.Chunks()) {
			t.Fatalf("chunk %d of %d has %d tenants", i, len(got.Chunks()), c.Len())
		}
	}
}

// Random edits do what they do to a plain map, say how much they did, keep the
// table before as it was, and are what Diff finds.
func TestTenantsAgainstMap(t *testing.T) {
	base := manyTenants(2000)
	start := tenantsOf(t, base)
	checkTenants(t, start, base)
	domain := rapid.Custom(func(t *rapid.T) TenantID {
		if rapid.IntRange(0, 3).Draw(t, "new") == 0 {
			return TenantID(rapid.StringMatching(`[a-z]{1,3}(\.[a-d]{1,2}){0,2}`).Draw(t, "name"))
		}
		return TenantID(fmt.Sprintf("customer-%06d.voice.example.net", rapid.IntRange(0, 2400).Draw(t, "i")))
	})
	rapid.Check(t, func(t *rapid.T) {
		table, model := start, maps.Clone(base)
		for range rapid.IntRange(1, 3).Draw(t, "edits") {
			edit := rapid.MapOfN(domain, rapid.SampledFrom([]ServiceID{"", "", "west.voice.example.net", "new.voice.example.net"}), 0, 60).Draw(t, "edit")
			if from := rapid.IntRange(0, 6000).Draw(t, "cleared"); from < 2000 { // a whole stretch goes
				for i := from; i < min(from+700, 2000); i++ {
					edit[TenantID(fmt.Sprintf("customer-%06d.voice.example.net", i))] = ""
				}
			}
			var want TenantCounts
			after := maps.Clone(model)
			for d, s := range edit {
				switch was := model[d]; {
				case was == s:
					want.Same++
				case s == "":
					want.Removed++
				case was == "":
					want.Added++
				default:
					want.Moved++
				}
				if after[d] = s; s == "" {
					delete(after, d)
				}
			}
			next, counts, err := table.Edit(changesOf(edit))
			if err != nil || counts != want {
				t.Fatalf("counts %+v, want %+v; %v", counts, want, err)
			}
			again, _, err := table.Edit(slices.Collect(next.Diff(table)))
			if n := len(slices.Collect(next.Diff(table))); err != nil || n != want.Changed() || !again.Equal(next) || next.Equal(table) != (n == 0) {
				t.Fatalf("%d differences, want %d; %v", n, want.Changed(), err)
			}
			if table.Len() != len(model) {
				t.Fatal("the table before has changed")
			}
			table, model = next, after
		}
		if !maps.Equal(maps.Collect(table.All()), model) {
			t.Fatal("not what a map holds")
		}
		roundTrip(t, table)
	})
	checkTenants(t, start, base)
}

// roundTrip writes and reads a table; equal tables are written alike.
func roundTrip(t rapid.TB, table *Tenants) {
	data, err := table.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var back Tenants
	if err := back.UnmarshalBinary(data); err != nil || !back.Equal(table) {
		t.Fatalf("binary form does not come back: %v", err)
	}
	if again, _ := back.MarshalBinary(); string(again) != string(data) {
		t.Fatal("equal tables, different octets")
	}
	text, err := json.Marshal(table)
	if err != nil {
		t.Fatal(err)
	}
	var fromText Tenants
	if err := json.Unmarshal(text, &fromText); err != nil || !fromText.Equal(table) {
		t.Fatalf("JSON does not come back: %v", err)
	}
}

// Chunks without a change are the same pointers in the next table.
func TestTenantsShareChunks(t *testing.T) {
	table := tenantsOf(t, manyTenants(20000))
	shared := func(next *Tenants) (n int) {
		for _, c := range next.Chunks() {
			if slices.Contains(table.Chunks(), c) {
				n++
			}
		}
		return n
	}
	all := len(table.Chunks())
	for _, tc := range []struct {
		name    string
		changes []TenantChange
		shared  int
	}{
		{"nothing", nil, all},
		{"no effect", []TenantChange{{"absent.example", ""}, {"customer-000000.voice.example.net", "west.voice.example.net"}}, all},
		{"one moved", []TenantChange{{"customer-010000.voice.example.net", "new.example"}}, all - 1},
		{"one added in front", []TenantChange{{"a.example", "new.example"}}, all - 1},
		{"one added behind", []TenantChange{{"z.example", "new.example"}}, all - 1},
	} {
		next, _, err := table.Edit(tc.changes)
		if err != nil || shared(next) != tc.shared {
			t.Errorf("%s: %d chunks of %d are shared, want %d; %v", tc.name, shared(next), all, tc.shared, err)
		}
	}
}

// Many small edits do not leave crumbs of chunks.
func TestTenantsChunksStayWhole(t *testing.T) {
	model := manyTenants(4000)
	table := tenantsOf(t, model)
	for i := range 4000 {
		if i%8 == 0 {
			continue // stays
		}
		d := TenantID(fmt.Sprintf("customer-%06d.voice.example.net", (i*7919)%4000))
		delete(model, d)
		var err error
		if table, _, err = table.Edit([]TenantChange{{d, ""}}); err != nil {
			t.Fatal(err)
		}
	}
	checkTenants(t, table, model)
}

func TestTenantsRefuse(t *testing.T) {
	var none *Tenants
	for name, changes := range map[string][]TenantChange{
		"order": {{"b.example", "s"}, {"a.example", "s"}},
		"twice": {{"a.example", "s"}, {"a.example", "s"}},
	} {
		if _, _, err := none.Edit(changes); !errors.Is(err, ErrTenantOrder) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := none.Edit([]TenantChange{{"a.example", "b\xff"}}); err == nil {
		t.Error("a service that is no name is taken")
	}
	for _, domain := range []TenantID{"", "a..b", "a.example.", "UPPER.example", "under_score.example", "-a.example", TenantID(fmt.Sprintf("%0243d", 1)), "a\x1b.example"} {
		if _, _, err := none.Edit([]TenantChange{{domain, "s"}}); err == nil {
			t.Errorf("%q is taken for a domain", domain)
		}
	}
}

func TestTenantsDamaged(t *testing.T) {
	table := tenantsOf(t, manyTenants(50))
	data, err := table.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		if err := new(Tenants).UnmarshalBinary(data[:n]); err == nil {
			t.Errorf("%d octets of %d are read", n, len(data))
		}
	}
	if err := new(Tenants).UnmarshalBinary(append(slices.Clone(data), 0)); err == nil {
		t.Error("octets behind the end are read")
	}
	for _, newer := range [][]byte{{2}, {0}, {255, 1, 2}} {
		if err := new(Tenants).UnmarshalBinary(newer); err == nil {
			t.Errorf("format %d is read", newer[0])
		}
	}
}

// Any octets give a table in good form or an error, and a table that is read
// is written back as it was.
func FuzzTenantsDecode(f *testing.F) {
	for _, n := range []int{0, 1, 3, 100} {
		data, err := tenantsOf(f, manyTenants(n)).MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var table Tenants
		if table.UnmarshalBinary(data) != nil {
			return
		}
		checkTenants(t, &table, maps.Collect(table.All()))
		roundTrip(t, &table)
	})
}

func TestTenantNames(t *testing.T) {
	f := &Fleet{
		Zone: "voice.example.net", NameServers: []NameServer{{Name: "ns1"}},
		Sites: []Site{{Name: "calgary"}}, Services: []Service{{Name: "west.voice.example.net"}},
	}
	names := NewTenantNames(f)
	for domain, want := range map[TenantID]string{
		"acme.voice.example.net":          "",
		"shop.acme.voice.example.net":     "",
		"acme.example.net":                "is not inside the zone voice.example.net",
		"voice.example.net":               "is not inside the zone voice.example.net",
		"west.voice.example.net":          "is the name of the service west.voice.example.net",
		"acme.west.voice.example.net":     "lies below the service west.voice.example.net",
		"calgary.voice.example.net":       "lies above the host of site calgary",
		"sip.calgary.voice.example.net":   "is the name of the host of site calgary",
		"x.sip.calgary.voice.example.net": "lies below the host of site calgary",
		"ns1.voice.example.net":           "is the name of the name server ns1",
		"Acme.voice.example.net":          `holds 'A'; lower-case letters, digits and hyphens are allowed`,
	} {
		if got := names.Problem(domain); got != want {
			t.Errorf("%s: %q, want %q", domain, got, want)
		}
	}
}

// The nil table can be read, edited and written.
func TestTenantsNone(t *testing.T) {
	var none *Tenants
	if _, ok := none.Find([]byte("a.example")); ok {
		t.Error("the nil table has a tenant")
	}
	if _, ok := none.Service("a.example"); ok || none.Len() != 0 || none.Services() != nil || !none.Equal(tenantsOf(t, nil)) {
		t.Error("the nil table is not empty")
	}
	checkTenants(t, none, map[TenantID]ServiceID{})
	roundTrip(t, none.orEmpty())
}

// orEmpty is t, or an empty table of its own.
func (t *Tenants) orEmpty() *Tenants {
	if t == nil {
		return &Tenants{}
	}
	return t
}

// memory is what the tables that make returns occupy, in octets.
func memory(make func() any) (octets uint64, kept any) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept = make()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return after.HeapAlloc - before.HeapAlloc, kept
}

// BenchmarkTenants is a table of a million: what it takes for each tenant, and
// what a lookup, an edit, writing and reading cost.
func BenchmarkTenants(b *testing.B) {
	const n = 1_000_000
	changes := changesOf(manyTenants(n))
	load := func() any {
		table, _, err := (*Tenants)(nil).Edit(changes)
		if err != nil {
			b.Fatal(err)
		}
		return table
	}
	octets, kept := memory(load)
	table := kept.(*Tenants)
	data, err := table.MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			load()
		}
		b.ReportMetric(float64(octets)/n, "memory-B/tenant")
		b.ReportMetric(float64(len(data))/n, "binary-B/tenant")
	})
	b.Run("service", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			table.Service(changes[(i*7919)%n].Domain)
		}
	})
	b.Run("edit-1", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, _, err := table.Edit([]TenantChange{{changes[(i*7919)%n].Domain, "new.example"}}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			_, _ = table.MarshalBinary()
		}
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if err := new(Tenants).UnmarshalBinary(data); err != nil {
				b.Fatal(err)
			}
		}
	})
	if reflect.ValueOf(table).IsNil() {
		b.Fatal("kept alive until here")
	}
}
