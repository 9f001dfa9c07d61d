package incident

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Options say for whom a report is rendered.
type Options struct {
	Lang Lang
	// Zone is the time zone of every time in the report. Default UTC.
	Zone *time.Location
	// Evidence adds what the checks saw at their last failure, in the words of the
	// softswitches. Not for customers.
	Evidence bool
}

func (o Options) zone() *time.Location { return cmp.Or(o.Zone, time.UTC) }

// document is a report in the words of one language, before it has a form.
// Every text in it is plain: the forms escape it.
type document struct {
	Lang, Title, Made string
	Severity          string // the machine's word, for colours
	Facts             []fact
	Sections          []section
}

type fact struct{ Name, Value string }

// section is a heading and what stands under it; empty parts are left out.
type section struct {
	Title string
	Text  []string // paragraphs
	Facts []fact
	Items []string
	Table *table
}

type table struct {
	Head []string
	Rows []row
}

// row is one line of a table. Who is its kind, for colours; a row with one cell
// is a remark across the table.
type row struct {
	Who   Who
	Cells []string
}

// writer puts one report into words.
type writer struct {
	*language
	r    *Report
	zone *time.Location
}

func (r *Report) document(o Options) (document, error) {
	l, err := languageOf(o.Lang)
	if err != nil {
		return document{}, err
	}
	w := &writer{language: l, r: r, zone: o.zone()}
	d := document{
		Lang: l.say("lang"), Title: l.say("title", plain(r.ID)), Made: l.say("made", w.moment(r.MadeAt.In(w.zone)), plain(r.Zone)),
		Severity: string(r.Severity), Facts: w.facts(),
	}
	d.Sections = []section{
		{Title: l.say("head.summary"), Text: w.summary()},
		{Title: l.say("head.impact"), Facts: w.impactFacts()},
		{Title: l.say("head.method"), Items: w.method()},
		{Title: l.say("head.measures"), Table: w.measureTable()},
		{Title: l.say("head.before"), Table: w.entries(true, Before)},
		{Title: l.say("head.timeline"), Table: w.entries(false, Observed, Automatic, Manual)},
		{Title: l.say("head.automatic"), Table: w.entries(true, Automatic)},
		{Title: l.say("head.manual"), Table: w.entries(true, Manual)},
		{Title: l.say("head.well"), Items: w.findings("well", r.Well)},
		{Title: l.say("head.badly"), Items: w.findings("badly", r.Badly)},
		{Title: l.say("head.followups"), Items: w.findings("next", r.FollowUps)},
	}
	if t := w.evidence(); t != nil && o.Evidence {
		d.Sections = append(d.Sections, section{Title: l.say("head.evidence"), Table: t})
	}
	for i := range d.Sections {
		if s := &d.Sections[i]; len(s.Text)+len(s.Facts)+len(s.Items) == 0 && s.Table == nil {
			s.Text = []string{l.say("nothing")}
		}
	}
	return d, nil
}

func (w *writer) at(t time.Time) string {
	if t.IsZero() {
		return w.say("never")
	}
	return w.moment(t.In(w.zone))
}

func (w *writer) facts() []fact {
	var sites, services []string
	for _, a := range w.r.Affected {
		sites = append(sites, w.place(a))
	}
	for _, s := range w.r.Services {
		services = append(services, string(s))
	}
	return []fact{
		{w.say("label.state"), w.say("state." + string(w.r.State))},
		{w.say("label.severity"), w.say("severity." + string(w.r.Severity))},
		{w.say("label.started"), w.at(w.r.StartedAt)},
		{w.say("label.ended"), w.at(w.r.RestoredAt)},
		{w.say("label.sites"), cmp.Or(w.list(sites), w.say("none"))},
		{w.say("label.services"), cmp.Or(w.list(services), w.say("none"))},
	}
}

func (w *writer) place(a Affected) string {
	if len(a.Transports) == 0 {
		return string(a.Site)
	}
	return w.say("sum.where", string(a.Site), w.list(upper(a.Transports)))
}

func upper(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.ToUpper(s)
	}
	return out
}

// summary is what a customer reads first.
func (w *writer) summary() []string {
	r := w.r
	var first, second []string
	var places []string
	for _, a := range r.Affected {
		places = append(places, w.place(a))
	}
	if r.Failure != health.CauseNone || r.measure(Detect).By == steer.AutomationOwner {
		first = append(first, w.say("sum.began", w.at(r.StartedAt), w.list(places), w.cause(string(r.Failure))))
	} else {
		first = append(first, w.say("sum.declared", w.at(r.OpenedAt), plain(r.measure(Declare).By), plain(r.Summary)))
	}
	if m := r.measure(Detect); m.By == steer.AutomationOwner {
		first = append(first, w.say("sum.detected", took(m.Took.D())))
	}
	first = append(first, w.move())
	switch m := r.measure(Restore); {
	case m.At.IsZero():
		second = append(second, w.say("sum.lasting"))
	case r.MovedAt.IsZero():
		second = append(second, w.say("sum.well", took(m.Took.D())))
	default:
		second = append(second, w.say("sum.restored", took(m.Took.D())), w.say("sum.calls"))
	}
	if r.Cause != "" {
		return []string{strings.Join(first, " "), strings.Join(second, " "), w.say("sum.cause", plain(r.Cause))}
	}
	return []string{strings.Join(first, " "), strings.Join(second, " "), w.say("sum.noCause")}
}

func (w *writer) move() string {
	m := w.r.measure(Move)
	switch {
	case m.At.IsZero() && slices.ContainsFunc(w.r.Well, func(f Finding) bool { return f.Key == "common-cause" }):
		return w.say("sum.notMoved", w.say("sum.commonCause"))
	case m.At.IsZero():
		return w.say("sum.notMoved", w.say("sum.noMoveNeeded"))
	case m.By == steer.AutomationOwner:
		return w.say("sum.movedSelf", took(m.Took.D()))
	}
	return w.say("sum.movedPerson", took(m.Took.D()), plain(m.By))
}

func (w *writer) impactFacts() []fact {
	i := w.r.Impact
	stated := func(n int) string {
		if n == 0 && len(i.Unstated) > 0 {
			return w.say("unstatedValue")
		}
		return w.number(n)
	}
	minutes := w.number(i.Minutes)
	if i.Lasting {
		minutes = w.say("soFar", minutes)
	}
	out := []fact{
		{w.say("label.phones"), stated(i.Phones)},
		{w.say("label.calls"), stated(i.Calls)},
		{w.say("label.minutes"), minutes},
		{w.say("label.phoneminutes"), stated(i.PhoneMinutes)},
	}
	return out
}

func (w *writer) method() []string {
	var out []string
	for _, m := range w.r.Impact.Method {
		switch m {
		case MethodStart:
			out = append(out, w.say("method."+string(m), took(w.r.measure(Detect).Took.D())))
		case MethodUnstated:
			var sites []string
			for _, s := range w.r.Impact.Unstated {
				sites = append(sites, string(s))
			}
			out = append(out, w.say("method."+string(m), w.list(sites)))
		default:
			out = append(out, w.say("method."+string(m)))
		}
	}
	for _, g := range w.r.Impact.Gates {
		out = append(out, w.say("gate", string(g.Site), w.number(int(g.Refused)), w.number(int(g.Redirect)), w.number(int(g.Relayed))))
	}
	return out
}

func (w *writer) measureTable() *table {
	t := &table{Head: []string{w.say("label.step"), w.say("label.took"), w.say("label.at")}}
	for _, m := range w.r.Measures {
		after := took(m.Took.D())
		switch {
		case m.At.IsZero():
			after = "–"
		case m.AtMost:
			after = w.say("atmost", after)
		}
		t.Rows = append(t.Rows, row{Cells: []string{w.say("step." + string(m.Step)), after, w.at(m.At)}})
	}
	return t
}

// entries is the part of the timeline that was done by those named. Without
// short the gap in the middle is named.
func (w *writer) entries(short bool, by ...Who) *table {
	t := &table{Head: []string{w.say("label.time"), w.say("label.what"), w.say("label.who")}}
	day, last := "", ""
	for i, e := range w.r.Timeline {
		if !short && w.r.Omitted > 0 && i == w.r.OmitAfter {
			t.Rows = append(t.Rows, row{Cells: []string{w.say("omitted", w.number(w.r.Omitted))}})
		}
		if !slices.Contains(by, e.Who) {
			continue
		}
		at := e.At.In(w.zone)
		if d := w.day(at); d != day {
			t.Rows = append(t.Rows, row{Cells: []string{d}})
			day = d
		}
		who := w.say("who." + string(e.Who))
		if e.Who == Manual || e.Who == Before && e.By != steer.AutomationOwner {
			who = plain(e.By)
		}
		line := row{Who: e.Who, Cells: []string{at.Format("15:04:05"), w.phrase(&e.Event), who}}
		if text := strings.Join(line.Cells, "\x00"); text != last { // one event a service, told once
			t.Rows, last = append(t.Rows, line), text
		}
	}
	if day == "" {
		return nil
	}
	return t
}

func (w *writer) findings(kind string, list []Finding) []string {
	var out []string
	for _, f := range list {
		key := kind + "." + f.Key
		switch {
		case f.Took > 0:
			out = append(out, w.say(key, took(f.Took.D())))
		case f.N > 0:
			out = append(out, w.say(key, w.number(f.N)))
		case f.Name != "" && f.Key == "review-change":
			out = append(out, w.say(key, plain(f.Name), plain(cmp.Or(f.Text, "–"))))
		case f.Name != "":
			out = append(out, w.say(key, plain(f.Name)))
		default:
			out = append(out, w.say(key))
		}
	}
	return out
}

// evidence is what the agents saw at the last failures; nil without any.
func (w *writer) evidence() *table {
	t := &table{Head: []string{w.say("label.time"), w.say("label.check"), w.say("label.what"), w.say("label.who")}}
	for _, e := range w.r.Evidence {
		what := strings.Join(append([]string{w.cause(string(e.Cause)), plain(e.Detail)}, e.Wire...), "; ")
		t.Rows = append(t.Rows, row{Cells: []string{w.at(e.At), plain(e.Check.String()), plain(what), plain(string(e.Agent))}})
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return t
}
