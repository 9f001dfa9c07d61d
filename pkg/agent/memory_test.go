package agent

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
	"github.com/sipsteer/sipsteer/pkg/pki"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// stateWith is a State with that many tenants.
func stateWith(t testing.TB, tenants int) steer.State {
	t.Helper()
	f := fleettest.ThreeSites()
	s := steer.New()
	s.Fleet, s.Epoch = &f, 7
	var changes []fleet.TenantChange
	for i := range tenants {
		changes = append(changes, fleet.TenantChange{Domain: fleet.TenantID(fmt.Sprintf("t%07d.%s", i, f.Zone)), Service: f.Services[i%2].Name})
	}
	names, _, err := (*fleet.Tenants)(nil).Edit(changes)
	if err != nil {
		t.Fatal(err)
	}
	if s.Tenants, err = steer.NewTenantTable(names); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestServedStateIsRecalledWithItsTenants(t *testing.T) {
	dir := t.TempDir()
	tables := func() []string {
		files, err := filepath.Glob(filepath.Join(dir, "*.tenants"))
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	m := newMemory(dir, zerolog.Nop())
	s := stateWith(t, 300)
	if err := m.write(s); err != nil {
		t.Fatal(err)
	}
	first := tables()
	if len(first) != 1 {
		t.Fatalf("tables %q", first)
	}
	before, err := os.Stat(first[0])
	if err != nil {
		t.Fatal(err)
	}
	s.Epoch++
	if err := m.write(s); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(first[0]); err != nil || !os.SameFile(before, after) {
		t.Errorf("the tenants were written again, though they had not changed: %v", err)
	}
	got, ok, err := newMemory(dir, zerolog.Nop()).load()
	if err != nil || !ok || got.Epoch != 8 || !got.Tenants.Names().Equal(s.Tenants.Names()) {
		t.Errorf("recalled epoch %d with %d tenants, %v", got.Epoch, got.Tenants.Names().Len(), err)
	}
	s.Tenants = stateWith(t, 400).Tenants
	if err := m.write(s); err != nil {
		t.Fatal(err)
	}
	if now := tables(); len(now) != 1 || now[0] == first[0] {
		t.Errorf("tables %q, before %q", now, first)
	}
	damaged, err := os.ReadFile(tables()[0])
	if err != nil {
		t.Fatal(err)
	}
	damaged[len(damaged)/2] ^= 1
	if err := os.WriteFile(tables()[0], damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := newMemory(dir, zerolog.Nop()).load(); ok || err == nil {
		t.Errorf("recalled with a damaged table: %v, %v", ok, err)
	}
}

func TestContentIsReadBack(t *testing.T) {
	for _, n := range []int{0, 1, 500} {
		c := content{stateWith(t, n), pki.Registry{Format: 1, Operators: []pki.Operator{{Name: "alice", Role: pki.Admin}}}}
		c.state.TenantsBefore = stateWith(t, 20).Tenants
		var b bytes.Buffer
		if err := c.encode(&b); err != nil {
			t.Fatal(err)
		}
		got, err := decodeContent(bytes.NewReader(b.Bytes()))
		if err != nil || got.state.Tenants.Names().Len() != n || got.state.TenantsBefore.Names().Len() != 20 || len(got.registry.Operators) != 1 || got.state.Epoch != 7 {
			t.Errorf("%d tenants: read %d, %v", n, got.state.Tenants.Names().Len(), err)
		}
		var again bytes.Buffer
		if err := got.encode(&again); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
			t.Errorf("%d tenants: written otherwise, %v", n, err)
		}
		for cut := range 40 { // the long part: it is the store's sum that sees what changed
			if _, err := decodeContent(bytes.NewReader(b.Bytes()[:b.Len()-1-cut])); err == nil {
				t.Fatalf("%d tenants: read with %d octets missing", n, cut+1)
			}
		}
	}
}
