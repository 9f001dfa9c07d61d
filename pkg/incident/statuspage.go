package incident

import (
	_ "embed"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

//go:embed statuspage.html
var statusTemplate string

// Status is what customers may know. It names services and no site, machine,
// address or person.
type Status struct {
	Brand    string          `json:"brand"`
	At       time.Time       `json:"at"` // of the last change, so that equal States make equal pages
	State    ServiceState    `json:"state"`
	Services []ServiceHealth `json:"services"`
	Open     []Notice        `json:"open"`
	Past     []Notice        `json:"past"` // resolved in the last 14 days, newest first
}

// ServiceState is a service as a customer meets it.
type ServiceState string

// The states, best first.
const (
	Operational ServiceState = "operational"
	Degraded    ServiceState = "degraded" // something fails, and calls find another way
	Outage      ServiceState = "outage"   // a transport has no site that works
)

// ServiceHealth is one service.
type ServiceHealth struct {
	Name  string       `json:"name"`
	State ServiceState `json:"state"`
	// MovedBy is when phones that are on their way to other sites or back have
	// registered again by themselves, within so many minutes; zero when none are.
	MovedBy time.Time `json:"moved_by,omitzero"`
	Minutes int       `json:"minutes,omitempty"`
}

// Notice is one incident for customers.
type Notice struct {
	ID         string              `json:"id"`
	State      steer.IncidentState `json:"state"`
	Severity   steer.Severity      `json:"severity"`
	Transports []string            `json:"transports,omitempty"`
	Services   []string            `json:"services"`
	Failure    health.Cause        `json:"failure,omitempty"`
	Moved      bool                `json:"moved"` // traffic was led to other sites
	// Minutes until phones have registered again by themselves.
	Minutes    int       `json:"minutes"`
	OpenedAt   time.Time `json:"opened_at"`
	ResolvedAt time.Time `json:"resolved_at,omitzero"`
	UpdatedAt  time.Time `json:"updated_at"`
	NextUpdate time.Time `json:"next_update,omitzero"` // promised, while it is open
}

// pastNotices is how long a resolved incident stays on the page.
const pastNotices = 14 * 24 * time.Hour

// promise is how soon customers hear again.
var promise = map[steer.Severity]time.Duration{steer.Critical: 30 * time.Minute, steer.Major: time.Hour, steer.Minor: 4 * time.Hour}

// StatusOf tells customers what the State holds. now is for what has become old.
func StatusOf(s steer.State, brand string, now time.Time) Status {
	out := Status{Brand: brand, State: Operational, Services: []ServiceHealth{}, Open: []Notice{}, Past: []Notice{}}
	if s.Fleet == nil {
		return out
	}
	standings := steer.Standings(s)
	for i := range s.Fleet.Services {
		h := ServiceHealth{Name: string(s.Fleet.Services[i].Name), State: Operational, MovedBy: moving(&s, s.Fleet.Services[i].Name, now)}
		if !h.MovedBy.IsZero() {
			h.Minutes = minutes(settles(&s))
		}
		for _, t := range s.Fleet.Services[i].Transports {
			served, sick := false, false
			for _, st := range standings {
				if st.Service != s.Fleet.Services[i].Name || st.Transport != t {
					continue
				}
				served = served || st.Place != steer.Gone && st.Status != health.Down
				sick = sick || st.Place != steer.Gone && st.Status == health.Down
			}
			switch {
			case !served:
				h.State = Outage
			case sick && h.State == Operational:
				h.State = Degraded
			}
		}
		out.Services = append(out.Services, h)
	}
	for i := range s.Incidents {
		in := &s.Incidents[i]
		n := noticeOf(&s, in)
		if n.UpdatedAt.After(out.At) {
			out.At = n.UpdatedAt
		}
		switch {
		case in.Open():
			out.Open = append(out.Open, n)
		case now.Sub(in.ResolvedAt) < pastNotices:
			out.Past = append(out.Past, n)
		}
	}
	slices.Reverse(out.Open)
	slices.Reverse(out.Past)
	out.State = worst(out)
	return out
}

func worst(s Status) ServiceState {
	state := Operational
	for _, h := range s.Services {
		if h.State == Outage || h.State == Degraded && state == Operational {
			state = h.State
		}
	}
	if state == Operational && len(s.Open) > 0 {
		state = Degraded
	}
	return state
}

func noticeOf(s *steer.State, in *steer.Incident) Notice {
	n := Notice{
		ID: in.ID, State: in.State, Severity: in.Severity, Services: []string{}, Failure: in.Failure, Moved: !in.MovedAt.IsZero(),
		OpenedAt: in.OpenedAt, ResolvedAt: in.ResolvedAt, UpdatedAt: in.OpenedAt,
	}
	for _, svc := range in.Services {
		n.Services = append(n.Services, string(svc))
	}
	for _, a := range affected(*in) {
		for _, t := range a.Transports {
			if t = strings.ToUpper(t); !slices.Contains(n.Transports, t) {
				n.Transports = append(n.Transports, t)
			}
		}
	}
	slices.Sort(n.Transports)
	for _, e := range in.Timeline {
		if e.Kind == steer.EventIncident && e.At.After(n.UpdatedAt) {
			n.UpdatedAt = e.At
		}
	}
	n.Minutes = minutes(settles(s))
	if in.Open() {
		n.NextUpdate = n.UpdatedAt.Add(promise[in.Severity])
	}
	return n
}

// JSON is the page for programs.
func (s *Status) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode status: %w", err)
	}
	return append(b, '\n'), nil
}

// statusDocument is the page in the words of one language.
type statusDocument struct {
	Lang, Title, State, Headline, Updated     string
	None, OpenTitle, PastTitle, ServicesTitle string
	Services                                  []serviceText
	Open, Past                                []noticeText
}

type serviceText struct {
	Name, Class, Word string
	Text              []string
}

type noticeText struct {
	ID, Class, Title string
	Text             []string
}

// HTML is the page for people: one file, without a script.
func (s *Status) HTML(o Options) ([]byte, error) {
	l, err := languageOf(o.Lang)
	if err != nil {
		return nil, err
	}
	zone := o.zone()
	d := statusDocument{
		Lang: l.say("lang"), Title: l.say("page.title", plain(s.Brand)), State: string(s.State), Headline: l.say("page." + string(s.State)),
		None: l.say("page.none"), OpenTitle: l.say("page.open"), PastTitle: l.say("page.past"), ServicesTitle: l.say("page.all"),
	}
	if !s.At.IsZero() {
		d.Updated = l.say("page.updated", l.moment(s.At.In(zone)))
	}
	for _, h := range s.Services {
		x := serviceText{Name: h.Name, Class: string(h.State), Word: l.say("service." + string(h.State))}
		if h.State != Operational || !h.MovedBy.IsZero() {
			x.Text = h.sentences(l, zone)
		}
		d.Services = append(d.Services, x)
	}
	for _, n := range s.Open {
		d.Open = append(d.Open, n.text(l, zone))
	}
	for _, n := range s.Past {
		d.Past = append(d.Past, n.text(l, zone))
	}
	t, err := template.New("status").Parse(statusTemplate)
	if err != nil {
		return nil, fmt.Errorf("parse status page: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, d); err != nil {
		return nil, fmt.Errorf("render status page: %w", err)
	}
	return []byte(b.String()), nil
}

func (n *Notice) text(l *language, zone *time.Location) noticeText {
	what := l.say("page.requests", l.cause(string(n.Failure)))
	if len(n.Transports) > 0 {
		what = l.say("page.over", l.list(n.Transports), l.cause(string(n.Failure)))
	}
	if n.Failure == health.CauseNone {
		what = l.say("page.reported")
	}
	t := noticeText{ID: n.ID, Class: string(n.Severity), Title: l.say("page.notice", l.say("state."+string(n.State)), l.moment(n.OpenedAt.In(zone))), Text: []string{what}}
	if len(n.Services) > 0 {
		t.Text = append(t.Text, l.say("page.services", l.list(n.Services)))
	}
	if n.State == steer.Resolved {
		t.Text = append(t.Text, l.say("page.resolved", l.moment(n.ResolvedAt.In(zone))))
		return t
	}
	if n.Moved {
		t.Text = append(t.Text, l.say("page.moved", n.Minutes))
	}
	return noticeText{t.ID, t.Class, t.Title, append(t.Text, l.say("page.next", l.moment(n.NextUpdate.In(zone))))}
}

// Atom is the page as a feed (RFC 4287).
func (s *Status) Atom(o Options, address string) ([]byte, error) {
	l, err := languageOf(o.Lang)
	if err != nil {
		return nil, err
	}
	zone := o.zone()
	type text struct {
		Type string `xml:"type,attr,omitempty"`
		Text string `xml:",chardata"`
	}
	type entry struct {
		ID      string `xml:"id"`
		Title   text   `xml:"title"`
		Updated string `xml:"updated"`
		Content text   `xml:"content"`
	}
	type author struct {
		Name string `xml:"name"`
	}
	feed := struct {
		XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
		ID      string   `xml:"id"`
		Title   text     `xml:"title"`
		Updated string   `xml:"updated"`
		Author  author   `xml:"author"`
		Entries []entry  `xml:"entry"`
	}{ID: address, Title: text{Text: l.say("page.title", plain(s.Brand))}, Updated: s.At.UTC().Format(time.RFC3339), Author: author{plain(s.Brand)}}
	for _, n := range append(slices.Clone(s.Open), s.Past...) {
		t := n.text(l, zone)
		feed.Entries = append(feed.Entries, entry{
			ID: address + "#" + n.ID, Title: text{Text: t.Title}, Updated: n.UpdatedAt.UTC().Format(time.RFC3339), Content: text{Type: "text", Text: strings.Join(t.Text, " ")},
		})
	}
	b, err := xml.MarshalIndent(feed, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode feed: %w", err)
	}
	return append([]byte(xml.Header), append(b, '\n')...), nil
}
