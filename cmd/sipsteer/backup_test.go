package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/pkg/agent"
)

// TestBackupAndRestore loses a fleet and brings it back from one file.
func TestBackupAndRestore(t *testing.T) {
	l := newLab(t)
	l.must(0, "drain", "calgary", "--now", "--reason", "kernel", "--for", "1h", "--yes")
	file, sealed := filepath.Join(t.TempDir(), "fleet.backup"), filepath.Join(t.TempDir(), "sealed.backup")
	phrase := filepath.Join(t.TempDir(), "phrase")
	if err := os.WriteFile(phrase, []byte("correct horse battery staple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var contents agent.BackupContents
	if err := json.Unmarshal([]byte(l.must(0, "backup", file, "--json").out), &contents); err != nil || contents.Sites != 3 || contents.Drains != 1 || contents.History == nil {
		t.Fatalf("backup: %+v, %v", contents, err)
	}
	l.must(0, "backup", sealed, "--passphrase-file", phrase)
	if b, err := os.ReadFile(sealed); err != nil || !bytes.HasPrefix(b, []byte("age-encryption.org/")) || bytes.Contains(b, []byte("calgary")) {
		t.Errorf("the sealed file can be read by anyone: %v", err)
	}
	for _, good := range [][]string{{file}, {sealed, "--passphrase-file", phrase}} {
		if r := l.must(0, append([]string{"restore", "--verify"}, good...)...); !strings.Contains(r.out, "restored into a scratch cluster in") {
			t.Errorf("verify:\n%s", r.out)
		}
	}

	// What must be refused.
	harmed := filepath.Join(t.TempDir(), "harmed.backup")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(harmed, b, 0o600); err != nil {
		t.Fatal(err)
	}
	calgary := filepath.Join(l.dir, "calgary.yaml")
	for _, bad := range []struct {
		code int
		says string
		args []string
	}{
		{2, "exists", []string{"backup", file}},
		{1, "damaged", []string{"restore", "--verify", harmed}},
		{2, "is encrypted", []string{"restore", "--verify", sealed}},
		{2, "a reason is required", []string{"restore", file, "--config", calgary}},
		{2, "has a store already", []string{"restore", file, "--config", calgary, "--reason", "r"}},
		{2, "is running", []string{"restore", file, "--config", calgary, "--reason", "r", "--replace"}},
		{2, "no such file", []string{"restore", "--verify", file + "x"}},
	} {
		if r := l.must(bad.code, bad.args...); !strings.Contains(r.err, bad.says) {
			t.Errorf("%v says\n%s\nand not %q", bad.args, r.err, bad.says)
		}
	}

	l.must(0, "undrain", "calgary", "--now", "--yes")
	lost := l.status().Epoch
	l.down()
	pasts, err := filepath.Glob(filepath.Join(l.dir, "data", "*", "history"))
	if err != nil || len(pasts) != 3 {
		t.Fatalf("histories of the agents: %q, %v", pasts, err)
	}
	for _, p := range pasts { // the disks are lost
		if err := os.RemoveAll(p); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	for _, site := range []string{"calgary", "ottawa", "vancouver"} {
		l.must(0, "restore", file, "--config", filepath.Join(l.dir, site+".yaml"), "--replace", "--reason", "lost the room")
	}
	l.up()
	t.Logf("restored and serving in %s", time.Since(start).Round(time.Millisecond))
	st := l.status()
	if st.Epoch <= lost || st.Sites[0].Intent == "active" || !st.Quorum {
		t.Errorf("after the restore: epoch %d (before %d), calgary %s", st.Epoch, lost, st.Sites[0].Intent)
	}
	if r := l.must(0, "history"); !strings.Contains(r.out, "lost the room") {
		t.Errorf("history:\n%s", r.out)
	}
	if r := l.must(0, "show", fmt.Sprint(contents.Epoch)); !strings.Contains(r.out, "drain calgary") {
		t.Errorf("the decision of the backup, from its history:\n%s", r.out)
	}
	l.must(0, "undrain", "calgary", "--now", "--yes")
	eventually(t, "verified", patience, func() bool { return l.run("history", "--verify").code == 0 })
}
