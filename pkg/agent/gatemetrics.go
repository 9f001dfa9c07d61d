package agent

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipsteer/sipsteer/pkg/gate"
)

// maxShares bounds the families of devices in the metrics: they come from what
// strangers write.
const maxShares = 50

// gateCollector reads the drain meter of this agent's gate.
type gateCollector struct {
	gate *gate.Gate

	devices, calls, stragglers, asked, refused, moved, requests, finish, notAfter, bad *prometheus.Desc
}

func newGateCollector(g *gate.Gate) *gateCollector {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("sipsteer_gate_"+name, help, labels, nil)
	}
	return &gateCollector{
		gate:       g,
		devices:    d("devices", "Devices by where they stand: untold, told, moved, stuck, lapsed, stranger.", "standing"),
		calls:      d("calls", "Calls that are up, as far as they were seen."),
		stragglers: d("stragglers", "Devices and trunks that still come although every old answer has run out."),
		asked:      d("devices_asked", "Devices that were asked to look again, by what came of it: waiting, taken, refused, silent, gone.", "outcome"),
		refused:    d("devices_refused", "Devices that were refused, by family and answer.", "family", "answer"),
		moved:      d("devices_moved", "Of these, devices that have moved.", "family", "answer"),
		requests:   d("messages_total", "Requests and responses by method and what became of them.", "transport", "method", "action"),
		notAfter:   d("certificate_not_after_seconds", "Unix time when the certificate that is served from the file ends.", "file"),
		bad:        d("certificate_bad", "1 if the file as it is now cannot be used.", "file"),
		finish:     d("finish_seconds", "Unix time when no registration is left, by forecast; 0 without one."),
	}
}

// Describe implements prometheus.Collector.
func (c *gateCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.devices, c.calls, c.stragglers, c.asked, c.refused, c.moved, c.requests, c.finish, c.notAfter, c.bad} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *gateCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	l := c.gate.Live()
	gauge(c.devices, float64(l.Untold), "untold")
	gauge(c.devices, float64(l.Told), "told")
	gauge(c.devices, float64(l.Moved), "moved")
	gauge(c.devices, float64(l.Stuck), "stuck")
	gauge(c.devices, float64(l.Lapsed), "lapsed")
	gauge(c.devices, float64(l.Strangers), "stranger")
	gauge(c.calls, float64(l.Calls))
	gauge(c.stragglers, float64(l.Report.Stragglers))
	for outcome, n := range map[string]int{"waiting": l.Asking.Waiting, "taken": l.Asking.Taken, "refused": l.Asking.Refused, "silent": l.Asking.Silent, "gone": l.Asking.Gone} {
		gauge(c.asked, float64(n), outcome)
	}
	for _, s := range l.Shares[:min(len(l.Shares), maxShares)] {
		gauge(c.refused, float64(s.Refused), s.Family, s.Answer.String())
		gauge(c.moved, float64(s.Moved), s.Family, s.Answer.String())
	}
	for k, n := range l.Stats.ByMethod {
		ch <- prometheus.MustNewConstMetric(c.requests, prometheus.CounterValue, float64(n), k.Transport.String(), k.Method, k.Action.String())
	}
	for _, x := range l.Certificates {
		if !x.NotAfter.IsZero() {
			gauge(c.notAfter, float64(x.NotAfter.Unix()), x.File)
		}
		gauge(c.bad, flag(x.Problem != ""), x.File)
	}
	if l.Finish.IsZero() {
		gauge(c.finish, 0)
	} else {
		gauge(c.finish, float64(l.Finish.Unix()))
	}
}
