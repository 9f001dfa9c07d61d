package agent

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// metrics returns the agent's numbers for Prometheus. They are read from the
// State when they are asked for, so they cannot disagree with the answers.
func (a *Agent) metrics() http.Handler {
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&collector{a: a, desc: descs()}, newStoreCollector(a), newCheckCollector(a), &dnsCollector{stats: a.dns.Stats, updates: a.updaters, desc: dnsDescs()},
	)
	if a.gate != nil {
		reg.MustRegister(newGateCollector(a.gate))
	}
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{})
}

// collector reads an agent.
type collector struct {
	a    *Agent
	desc map[string]*prometheus.Desc
}

func descs() map[string]*prometheus.Desc {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("sipsteer_"+name, help, labels, nil)
	}
	return map[string]*prometheus.Desc{
		"epoch":     d("epoch", "Decision that this agent serves."),
		"leader":    d("leader", "1 if this agent leads."),
		"quorum":    d("quorum", "1 if a change is possible now."),
		"up":        d("transport_up", "1 up, 0 down, -1 unknown, by site and transport.", "site", "transport"),
		"place":     d("slot_place", "0 in, 1 returning, 2 leaving, 3 out, by service, site and transport.", "service", "site", "transport"),
		"incidents": d("incidents_open", "Incidents that are not closed."),
		"intents":   d("intents", "Drains, holds and silences in force; none should be forgotten.", "kind"),
		"quiet":     d("checks_in_maintenance", "Checks that fail as they may in maintenance: no incident is open for them."),
		"advice":    d("advice", "What automation would do and a guard holds back.", "rule"),
		"gate":      d("gate_requests_total", "SIP requests at this site's gate, by what became of them.", "action"),
		"conns":     d("gate_connections", "Connections of phones to this site's gate."),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.desc {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	s := c.a.state()
	gauge := func(name string, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(c.desc[name], prometheus.GaugeValue, v, labels...)
	}
	now, _ := c.a.pub.served()
	gauge("epoch", float64(now.state.Epoch))
	leader, _ := c.a.store.Leader()
	gauge("leader", flag(leader == c.a.cfg.Name))
	gauge("quorum", flag(c.a.store.HasQuorum() && leader != ""))
	gauge("intents", float64(len(s.Drains)), "drain")
	gauge("intents", float64(len(s.Holds)), "hold")
	gauge("intents", float64(len(s.Silences)), "silence")
	gauge("quiet", float64(quietChecks(s)))
	gauge("incidents", float64(len(incidents(s))))
	rules := map[steer.Rule]int{}
	for _, x := range s.Advice {
		rules[x.Rule]++
	}
	for r, n := range rules {
		gauge("advice", float64(n), string(r))
	}
	if s.Fleet != nil {
		for i := range s.Fleet.Sites {
			site := &s.Fleet.Sites[i]
			for _, t := range site.Transports() {
				gauge("up", upValue(s.SiteStatus(site.Name, t)), string(site.Name), t.String())
			}
		}
		for _, st := range steer.Standings(s) {
			gauge("place", float64(st.Place), string(st.Service), string(st.Site), st.Transport.String())
		}
	}
	if st := c.a.effect().GateStats; st != nil {
		for _, x := range []struct {
			action string
			n      uint64
		}{{"relayed", st.Relayed}, {"refused", st.Refused}, {"redirected", st.Redirected}, {"dropped", st.Dropped}} {
			ch <- prometheus.MustNewConstMetric(c.desc["gate"], prometheus.CounterValue, float64(x.n), x.action)
		}
		gauge("conns", float64(st.Connections))
	}
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func upValue(s health.Status) float64 {
	switch s {
	case health.Up:
		return 1
	case health.Down:
		return 0
	}
	return -1
}
