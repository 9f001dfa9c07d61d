package config_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sipsteer/sipsteer/pkg/config"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/fleet/fleettest"
)

func tenantProblem() func(fleet.TenantID, fleet.ServiceID) (string, string) {
	f := fleettest.ThreeSites()
	names := fleet.NewTenantNames(&f)
	return func(d fleet.TenantID, s fleet.ServiceID) (string, string) {
		switch {
		case d != "":
			return names.Problem(d), ""
		case f.Service(s) == nil:
			return "is no service", "one of west, east"
		}
		return "", ""
	}
}

func TestReadTenants(t *testing.T) {
	const want = "[acme.voice.example.net west.voice.example.net bolt.voice.example.net east.voice.example.net]"
	for name, text := range map[string]string{
		"csv":             "domain,service\nbolt.voice.example.net,east\nacme.voice.example.net,west.voice.example.net\n",
		"more columns":    "id,service,domain\n7,east,bolt.voice.example.net\n8,west,\"acme.voice.example.net\"\n",
		"upper case, BOM": "\xef\xbb\xbfdomain,service\r\nBOLT.voice.example.net,East\r\nacme.voice.example.net,west\r\n",
		"jsonl":           `{"domain":"bolt.voice.example.net","service":"east","id":7}` + "\n\n" + `{"service":"west","domain":"acme.voice.example.net"}` + "\n",
	} {
		rows, err := config.ReadTenants("t.csv", strings.NewReader(text), "voice.example.net", tenantProblem())
		var got []string
		for _, r := range rows {
			got = append(got, string(r.Domain), string(r.Service))
		}
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

// TestReadTenantsTellsEverything: every row that is wrong is told, with its
// place, and one of them spoils the file.
func TestReadTenantsTellsEverything(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", []string{"t.csv: the file is empty"}},
		{"no header", "acme.voice.example.net,west\n", []string{"t.csv:1:1: the first line names no column"}},
		{"two wrong rows", "domain,service\nacme.voice.example.net,north\nok.voice.example.net,west\nb_d!.voice.example.net,west\n", []string{`t.csv:2:24: "north.voice.example.net" is no service`, `t.csv:4:1: "b_d!.voice.example.net"`}},
		{"twice", "domain,service\nacme.voice.example.net,west\nAcme.voice.example.net,east\n", []string{"t.csv:3:1: acme.voice.example.net stands twice: first on line 2"}},
		{"a column too few", "domain,service\nacme.voice.example.net\n", []string{"t.csv:2:1: 1 columns"}},
		{"an open quote", "domain,service\n\"acme.voice.example.net,west\n", []string{"t.csv:", "quote"}},
		{"a stray quote", "domain,service\nac\"me.voice.example.net,west\n", []string{"t.csv:2:"}},
		{"a control character", "domain,service\nac\x07me.voice.example.net,west\n", []string{"t.csv:2:1: a space or control character"}},
		{"Latin-1", "domain,service\ncaf\xe9.voice.example.net,west\n", []string{"t.csv:2:1: domain is not UTF-8"}},
		{"a replacement character", "domain,service\ncaf\uFFFD.voice.example.net,west\n", []string{"t.csv:2:1: domain is not UTF-8"}},
		{"a look-alike", "domain,service\nасme.voice.example.net,west\n", []string{"t.csv:2:1:"}},
		{"outside the zone", "domain,service\nacme.example.org,west\n", []string{"is not inside the zone voice.example.net"}},
		{"a site's own name", "domain,service\nsip.calgary.voice.example.net,west\n", []string{"is the name of the host of site calgary"}},
		{"too long", "domain,service\n" + strings.Repeat("a", 64) + ".voice.example.net,west\n", []string{"t.csv:2:1:"}},
		{"an empty field", "domain,service\n,west\n", []string{"t.csv:2:1: no domain"}},
		{"no JSON", "{\n", []string{"t.csv:1:"}},
		{"a key twice", `{"domain":"a.voice.example.net","domain":"b.voice.example.net","service":"west"}`, []string{"t.csv:1:42: domain is no text, or stands twice"}},
		{"a number", `{"domain":7,"service":"west"}`, []string{"domain is no text"}},
		{"no service", `{"domain":"a.voice.example.net"}`, []string{"t.csv:1:1: no service"}},
		{"something behind", `{"domain":"a.voice.example.net","service":"west"} x`, []string{"something stands behind it"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rows, err := config.ReadTenants("t.csv", strings.NewReader(tt.text), "voice.example.net", tenantProblem())
			var e *config.Error
			if !errors.As(err, &e) || rows != nil {
				t.Fatalf("rows %v, error %v", rows, err)
			}
			for _, want := range tt.want {
				if !strings.Contains(e.Error(), want) {
					t.Errorf("%q does not say %q", e.Error(), want)
				}
			}
		})
	}
	var many strings.Builder
	many.WriteString("domain,service\n")
	for i := range 1000 {
		fmt.Fprintf(&many, "t%d.voice.example.net,nowhere\n", i)
	}
	_, err := config.ReadTenants("t.csv", strings.NewReader(many.String()), "voice.example.net", tenantProblem())
	if err == nil || !strings.Contains(err.Error(), "and 950 more") {
		t.Errorf("a thousand wrong rows: %.200v", err)
	}
}

func FuzzReadTenants(f *testing.F) {
	f.Add("domain,service\na.voice.example.net,west\n")
	f.Add(`{"domain":"a.voice.example.net","service":"west"}`)
	f.Add("domain,service\n\"a\"\"\x00,west")
	check := tenantProblem()
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := config.ReadTenants("t", strings.NewReader(text), "voice.example.net", check)
		for i, r := range rows {
			if why, _ := check(r.Domain, ""); why != "" || i > 0 && rows[i-1].Domain >= r.Domain {
				t.Errorf("row %d: %q %s", i, r.Domain, why)
			}
		}
		if err != nil && strings.ContainsAny(err.Error(), "\x00\x07\x1b\r") {
			t.Errorf("control characters in %q", err.Error())
		}
	})
}
