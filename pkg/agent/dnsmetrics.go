package agent

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/dnsserver/update"
)

// dnsCollector tells what the name server has done.
type dnsCollector struct {
	stats   func() dnsserver.Stats
	updates []*update.Updater
	desc    map[string]*prometheus.Desc
}

func dnsDescs() map[string]*prometheus.Desc {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("sipsteer_dns_"+name, help, labels, nil)
	}
	return map[string]*prometheus.Desc{
		"epoch":         d("epoch", "Epoch that the name server answers from."),
		"answers":       d("answers_total", "Answers by transport, type of the question and response code.", "transport", "type", "rcode"),
		"dropped":       d("dropped_total", "Messages that deserve no answer: too short, or answers themselves."),
		"truncated":     d("truncated_total", "Answers that did not fit."),
		"limited":       d("rate_limited_total", "Answers above the rate limit: held back, or slipped, which is sent truncated.", "action"),
		"connections":   d("tcp_connections", "TCP connections open now."),
		"accepted":      d("tcp_accepted_total", "TCP connections accepted."),
		"cut":           d("tcp_cut_total", "TCP connections cut: too many, idle, or too slow."),
		"transfers":     d("transfers_total", "Zone transfers: whole, incremental or refused.", "kind"),
		"secondary":     d("secondary_serial", "Serial that a secondary has acknowledged to know of.", "address"),
		"update_epoch":  d("update_epoch", "Epoch that stands whole in a zone kept by dynamic update; 0 while another agent writes it.", "zone"),
		"update_sets":   d("update_sets_total", "Sets written by dynamic update, and those that somebody else had changed.", "zone", "kind"),
		"update_failed": d("update_failing", "1 while a zone kept by dynamic update is not as it should be.", "zone"),
		"slow":          d("slow_total", "Answers that took more than 10 ms to make."),
		"samples":       d("samples_total", "Exchanges of the query log: sent to the collector, or lost.", "what"),
		"unsigned":      d("unsigned", "1 while the zone has keys and is answered without signatures."),
		"stale":         d("stale", "1 while answers are marked stale: newer decisions may not be answered here."),
		"swaps":         d("swaps_total", "Zones taken."),
		"refused_swaps": d("refused_swaps_total", "Zones refused because they failed their checks; the one before stayed."),
	}
}

// Describe implements prometheus.Collector.
func (c *dnsCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.desc {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *dnsCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.stats()
	count := func(name string, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(c.desc[name], prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(name string, n uint64) {
		ch <- prometheus.MustNewConstMetric(c.desc[name], prometheus.GaugeValue, float64(n))
	}
	gauge("epoch", s.Epoch)
	for _, a := range s.Answers {
		count("answers", a.Count, a.Transport, a.Type, a.RCode)
	}
	count("dropped", s.Dropped)
	count("truncated", s.Truncated)
	count("limited", s.Limited, "held")
	count("limited", s.Slipped, "slipped")
	count("slow", s.Slow)
	count("samples", s.Sampled, "sent")
	count("samples", s.SamplesLost, "lost")
	gauge("connections", s.TCPOpen)
	count("accepted", s.TCPAccepted)
	count("cut", s.TCPCut)
	count("transfers", s.TransfersWhole, "whole")
	count("transfers", s.TransfersIncremental, "incremental")
	count("transfers", s.TransfersRefused, "refused")
	for _, x := range s.Secondaries {
		ch <- prometheus.MustNewConstMetric(c.desc["secondary"], prometheus.GaugeValue, float64(x.Serial), x.Address)
	}
	for _, u := range c.updates {
		st := u.Status()
		ch <- prometheus.MustNewConstMetric(c.desc["update_epoch"], prometheus.GaugeValue, float64(st.Epoch), st.Zone)
		ch <- prometheus.MustNewConstMetric(c.desc["update_failed"], prometheus.GaugeValue, flag(st.Problem != ""), st.Zone)
		count("update_sets", st.Written, st.Zone, "written")
		count("update_sets", st.Drift, st.Zone, "drift")
	}
	ch <- prometheus.MustNewConstMetric(c.desc["unsigned"], prometheus.GaugeValue, flag(s.Unsigned != ""))
	ch <- prometheus.MustNewConstMetric(c.desc["stale"], prometheus.GaugeValue, flag(s.Stale))
	count("swaps", s.Swaps)
	count("refused_swaps", s.RefusedSwaps)
}
