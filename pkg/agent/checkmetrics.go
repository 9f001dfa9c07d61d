package agent

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipsteer/sipsteer/probes/metrics"
)

// checkCollector reads what this agent's checks see.
type checkCollector struct {
	a *Agent

	number, usual, least, most *prometheus.Desc
}

func newCheckCollector(a *Agent) *checkCollector {
	d := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("sipsteer_"+name, help, []string{"site", "softswitch", "check", "number"}, nil)
	}
	return &checkCollector{
		a:      a,
		number: d("number", "What a metrics check of this agent read last, smoothed."),
		usual:  d("number_usual", "What is usual at this hour of the week, when it is known."),
		least:  d("number_usual_least", "The least that passes for usual."),
		most:   d("number_usual_most", "The most that passes for usual."),
	}
}

// Describe implements prometheus.Collector.
func (c *checkCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.number, c.usual, c.least, c.most} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *checkCollector) Collect(ch chan<- prometheus.Metric) {
	for _, r := range c.a.numbers.Readings() {
		c.collectNumber(ch, r)
	}
}

func (c *checkCollector) collectNumber(ch chan<- prometheus.Metric, r metrics.Reading) {
	gauge := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, string(r.Check.Site), string(r.Check.Switch), string(r.Check.Kind), r.Number)
	}
	if r.Known {
		gauge(c.number, r.Value)
	}
	if r.Compared {
		gauge(c.usual, r.Expected)
		gauge(c.least, r.Least)
		gauge(c.most, r.Most)
	}
}
