package agent

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipsteer/sipsteer/probes"
	"github.com/sipsteer/sipsteer/probes/metrics"
)

// checkCollector reads what this agent's checks see.
type checkCollector struct {
	a *Agent

	number, usual, least, most *prometheus.Desc
	up, took, results          *prometheus.Desc
	late, lost, ends           *prometheus.Desc
}

func newCheckCollector(a *Agent) *checkCollector {
	d := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("sipsteer_"+name, help, []string{"site", "softswitch", "check", "number"}, nil)
	}
	c := func(name, help string, more ...string) *prometheus.Desc {
		return prometheus.NewDesc("sipsteer_check_"+name, help, append([]string{"site", "softswitch", "transport", "check"}, more...), nil)
	}
	return &checkCollector{
		a:       a,
		up:      c("up", "What this agent believes of a check: 1 up, 0 down, -1 unknown."),
		took:    c("seconds", "How long answers took."),
		results: c("results_total", "Results of a check.", "outcome"),
		ends:    prometheus.NewDesc("sipsteer_certificate_end_timestamp_seconds", "When the first of the certificates ends that a listener showed last, in Unix time.", []string{"site", "softswitch", "transport", "check"}, nil),
		late:    prometheus.NewDesc("sipsteer_late_questions_total", "Questions to softswitches that are no data because this machine was late.", nil, nil),
		lost:    prometheus.NewDesc("sipsteer_late_seconds_total", "Time in which this machine did not do what was due of its checks.", nil, nil),
		number:  d("number", "What a metrics check of this agent read last, smoothed; of an exec check what it told for graphs."),
		usual:   d("number_usual", "What is usual at this hour of the week, when it is known."),
		least:   d("number_usual_least", "The least that passes for usual."),
		most:    d("number_usual_most", "The most that passes for usual."),
	}
}

// Describe implements prometheus.Collector.
func (c *checkCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.number, c.usual, c.least, c.most, c.up, c.took, c.results, c.late, c.lost, c.ends} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *checkCollector) Collect(ch chan<- prometheus.Metric) {
	for _, r := range c.a.numbers.Readings() {
		c.collectNumber(ch, r)
	}
	c.a.runnerMu.Lock()
	runner := c.a.runner
	c.a.runnerMu.Unlock()
	if runner == nil {
		return
	}
	late := runner.Stats().Late
	ch <- prometheus.MustNewConstMetric(c.late, prometheus.CounterValue, float64(late.AllNoData))
	ch <- prometheus.MustNewConstMetric(c.lost, prometheus.CounterValue, late.AllLost.Seconds())
	told := map[string]bool{} // a steering check is one on each of its transports
	for _, s := range runner.CheckStats() {
		c.collectCheck(ch, s)
		one := string(s.Check.Site) + "/" + string(s.Check.Switch) + "/" + string(s.Check.Kind)
		if told[one] {
			continue
		}
		told[one] = true
		for name, v := range s.Numbers {
			ch <- prometheus.MustNewConstMetric(c.number, prometheus.GaugeValue, v, string(s.Check.Site), string(s.Check.Switch), string(s.Check.Kind), name)
		}
	}
}

func (c *checkCollector) collectCheck(ch chan<- prometheus.Metric, s probes.CheckStats) {
	id := []string{string(s.Check.Site), string(s.Check.Switch), s.Check.Transport.String(), string(s.Check.Kind)}
	ch <- prometheus.MustNewConstMetric(c.up, prometheus.GaugeValue, upValue(s.Status), id...)
	for word, n := range map[string]uint64{"success": s.Successes, "failure": s.Failures, "no-data": s.NoData} {
		ch <- prometheus.MustNewConstMetric(c.results, prometheus.CounterValue, float64(n), append(slices.Clone(id), word)...)
	}
	if !s.Ends.At.IsZero() {
		ch <- prometheus.MustNewConstMetric(c.ends, prometheus.GaugeValue, float64(s.Ends.At.Unix()), id...)
	}
	buckets := make(map[float64]uint64, len(s.Within))
	for bound, n := range s.Within {
		buckets[bound.Seconds()] = n
	}
	ch <- prometheus.MustNewConstHistogram(c.took, s.Answers, s.Sum.Seconds(), buckets, id...)
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
