package update_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipsteer/sipsteer/dnsserver/update"
	"github.com/sipsteer/sipsteer/pkg/srv"
)

func byRoute53(url string) update.Config {
	return update.Config{Check: time.Second, Route53: &update.Route53{ZoneID: "/hostedzone/" + awsZone, KeyID: awsKeyID, Secret: awsSecret, URL: url}}
}

// A hosted zone follows; what others have there stays; what others change of ours
// is put right; what is right is not written again.
func TestRoute53Follows(t *testing.T) {
	t.Parallel()
	f, url := runRoute53(t)
	f.page = 3
	u := newUpdater(t, byRoute53(url))
	u.Lead(steered(t, 7, 10))
	eventually(t, "epoch 7", func() bool { return f.says("_sipsteer.", "TXT") == `"epoch=7"` && u.Status().Epoch == 7 })
	for _, name := range []string{"_sip._udp.west.", "_sip._udp.acme."} {
		if got := f.says(name, "SRV"); got != "10 100 5060 sip.calgary.voice.example.net., 20 100 5060 sip.ottawa.voice.example.net." {
			t.Errorf("%s has %s", name, got)
		}
	}
	u.Lead(steered(t, 8, 910))
	eventually(t, "epoch 8", func() bool { return f.says("_sipsteer.", "TXT") == `"epoch=8"` && u.Status().Epoch == 8 })
	if got := f.says("_sip._udp.acme.", "SRV"); !strings.Contains(got, "910 100 5060 sip.calgary.") {
		t.Errorf("after a failover acme has %s", got)
	}
	f.mu.Lock()
	f.put(awsSet{Name: "_sip._udp.west." + origin, Type: "SRV", TTL: 30, Records: []string{"1 1 1 elsewhere.example."}})
	f.mu.Unlock()
	eventually(t, "drift is put right", func() bool {
		return strings.HasPrefix(f.says("_sip._udp.west.", "SRV"), "20 100") && u.Status().Drift == 1
	})
	f.mu.Lock()
	writes, reads := len(f.writes), f.reads
	f.mu.Unlock()
	eventually(t, "another look", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.reads > reads+6
	})
	last := steered(t, 9, 10)
	last.Tenants = nil
	u.Lead(last)
	eventually(t, "a tenant goes", func() bool { return f.says("_sip._udp.acme.", "SRV") == "" && u.Status().Epoch == 9 })
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.writes); n != writes+1 || writes != 3 {
		t.Errorf("%d batches, then %d", writes, n)
	}
	for _, k := range []string{origin + " NS", "mail." + origin + " MX", `\052.web.` + origin + " A"} {
		if _, there := f.sets[k]; !there {
			t.Errorf("%s was not ours, and is gone", k)
		}
	}
}

// Changes that are more than a batch holds go in several, each whole.
func TestRoute53Batches(t *testing.T) {
	t.Parallel()
	f, url := runRoute53(t)
	z := steered(t, 7, 10)
	for i := range 700 {
		z.Sets = append(z.Sets, srv.RRset{Name: fmt.Sprintf("text%d.%s", i, origin), Type: srv.TypeTXT, TTL: 60, Data: []srv.Data{srv.TXT{Strings: []string{strings.Repeat("x", i%200)}}}})
	}
	z.Sort()
	u := newUpdater(t, byRoute53(url))
	u.Lead(z)
	eventually(t, "all is there", func() bool { return u.Status().Epoch == 7 })
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.sets) < 700 || len(f.writes) < 4 {
		t.Errorf("%d sets by %d batches", len(f.sets), len(f.writes))
	}
}

// What goes wrong is shown, without the key, and changes nothing.
func TestRoute53Problems(t *testing.T) {
	t.Parallel()
	taken := func(f *fakeRoute53) {
		f.put(awsSet{Name: "_sipsteer." + origin, Type: "TXT", TTL: 5, Records: []string{`"epoch=6"`}})
	}
	for name, tc := range map[string]struct {
		spoil  func(c *update.Route53)
		before func(f *fakeRoute53)
		at     func(f *fakeRoute53)
		want   string
	}{
		"wrong key":      {spoil: func(c *update.Route53) { c.Secret += "x" }, want: "SignatureDoesNotMatch"},
		"unknown zone":   {spoil: func(c *update.Route53) { c.ZoneID = "Z2" }, want: "NoSuchHostedZone"},
		"faster writer":  {before: taken, want: update.ErrRaced.Error()},
		"newer epoch":    {at: func(f *fakeRoute53) { taken(f); f.sets["_sipsteer."+origin+" TXT"].Records[0] = `"epoch=99"` }, want: update.ErrStale.Error()},
		"alias of ours":  {at: func(f *fakeRoute53) { f.put(awsSet{Name: "sip.calgary." + origin, Type: "A", Alias: &struct{}{}}) }, want: "routing policy"},
		"asked too much": {at: func(f *fakeRoute53) { now := time.Now(); f.times = []time.Time{now, now, now, now, now} }, want: "again in 30s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, url := runRoute53(t)
			f.before = tc.before
			if tc.at != nil {
				tc.at(f)
			}
			cfg := byRoute53(url)
			if tc.spoil != nil {
				tc.spoil(cfg.Route53)
			}
			u := newUpdater(t, cfg)
			u.Lead(steered(t, 7, 10))
			eventually(t, name+" is shown", func() bool { return strings.Contains(u.Status().Problem, tc.want) })
			if s := u.Status(); s.Epoch != 0 || strings.Contains(s.Problem, awsSecret) || strings.ContainsRune(s.Problem, '\x1b') {
				t.Errorf("%+v", s)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			if len(f.writes) > 0 {
				t.Errorf("written: %+v", f.writes)
			}
		})
	}
}

func TestRoute53Refused(t *testing.T) {
	good := *byRoute53("").Route53
	for name, spoil := range map[string]func(r *update.Route53){
		"":            func(*update.Route53) {},
		"in clear":    func(r *update.Route53) { r.URL = "http://route53.example.net" },
		"no zone":     func(r *update.Route53) { r.ZoneID = "" },
		"a path":      func(r *update.Route53) { r.ZoneID = "Z1/../Z2" },
		"no key":      func(r *update.Route53) { r.KeyID = "" },
		"no secret":   func(r *update.Route53) { r.Secret = "" },
		"key in URL":  func(r *update.Route53) { r.URL = "https://user:" + "word@route53.example.net" },
		"not a URL":   func(r *update.Route53) { r.URL = "route53" },
		"lower case?": func(r *update.Route53) { r.ZoneID = "z1d633" },
	} {
		r := good
		spoil(&r)
		_, err := update.New(update.Config{Zone: "example.net", Route53: &r})
		if (err == nil) != (name == "") || err != nil && (strings.Contains(err.Error(), "word@") || strings.Contains(err.Error(), awsSecret)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
