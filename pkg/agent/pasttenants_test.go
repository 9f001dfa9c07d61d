package agent

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// importTenants imports so many tenants in place of those that are there, and
// returns the epoch.
func importTenants(t *testing.T, w *world, upload string, many int) uint64 {
	t.Helper()
	f := w.agents[0].state().Fleet
	var changes []fleet.TenantChange
	for i := range many {
		changes = append(changes, fleet.TenantChange{Domain: fleet.TenantID(fmt.Sprintf("t%03d.%s", i, f.Zone)), Service: f.Services[0].Name})
	}
	parts := steer.TenantRows(changes, 2000)
	var epoch uint64
	do := func(kind steer.Kind, c *api.TenantChange) {
		t.Helper()
		res, err := w.agents[0].Do(t.Context(), api.CommandRequest{Kind: string(kind), By: "test", Reason: upload, Tenants: c}, false)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		epoch = res.Epoch
	}
	for i, rows := range parts {
		do(steer.KindTenantStage, &api.TenantChange{Upload: upload, Part: i, Rows: rows})
	}
	do(steer.KindTenantCommit, &api.TenantChange{Upload: upload, Part: len(parts), Replace: true, Touches: 200})
	return epoch
}

// pastRows counts the tenants of an epoch, page by page; -1 is an error.
func pastRows(t *testing.T, a *Agent, epoch uint64, asked bool) (rows int) {
	t.Helper()
	for after := ""; ; {
		p, err := a.PastTenantPage(t.Context(), epoch, after, 70, asked)
		if err != nil {
			t.Log(err)
			return -1
		}
		rows += strings.Count(p.Rows, ",")
		if after = p.After; after == "" {
			return rows
		}
	}
}

// TestTenantsOfThePast: each table that was in force can be read again, also at
// an agent that has it not, after a restart, and after a restore onto empty
// disks.
func TestTenantsOfThePast(t *testing.T) {
	w := newWorld(t, nil)
	none := w.hold(0, "before any")
	many := importTenants(t, w, "first", 250)
	between := w.hold(0, "another decision")
	few := importTenants(t, w, "second", 50)
	w.eventually("kept everywhere", func() bool {
		for _, a := range w.agents {
			if _, err := a.Past(t.Context(), few, true); err != nil {
				return false
			}
		}
		return true
	})
	check := func(when string) {
		t.Helper()
		for epoch, want := range map[uint64]int{none: 0, many: 250, between: 250, few: 50} {
			for i, a := range w.agents {
				if got := pastRows(t, a, epoch, true); got != want {
					t.Errorf("%s: agent %d has %d tenants of epoch %d, there were %d", when, i, got, epoch, want)
				}
			}
		}
	}
	check("at once")
	if p, err := w.agents[1].Past(t.Context(), between, true); err != nil || p.Tenants != 250 || p.State.Tenants != nil {
		t.Errorf("epoch %d: %d tenants, %v", between, p.Tenants, err)
	}
	tables := func(i int) string { return filepath.Join(w.cfgs[i].Dir, historyDir, "tables") }
	if files, err := os.ReadDir(tables(0)); err != nil || len(files) != 2 {
		t.Errorf("two tables are kept in %d files, %v", len(files), err)
	}
	var file bytes.Buffer
	if err := w.agents[2].Backup(t.Context(), &file, true); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(tables(2)); err != nil {
		t.Fatal(err)
	}
	if got := pastRows(t, w.agents[2], many, true); got != -1 {
		t.Errorf("%d tenants of a table that is lost", got)
	}
	if got := pastRows(t, w.agents[2], many, false); got != 250 {
		t.Errorf("%d tenants from the others", got)
	}
	for i := range w.agents {
		w.stop(i)
		if err := os.RemoveAll(filepath.Join(w.cfgs[i].Dir, historyDir)); err != nil {
			t.Fatal(err)
		}
	}
	restoreAll(t, w, file.Bytes())
	for i := range w.agents {
		w.start(i)
	}
	w.leader()
	check("after the restore")
}
