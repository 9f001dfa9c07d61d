package agent

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipsteer/sipsteer/raftstore"
)

// storeCollector reads the replica's numbers when they are asked for.
type storeCollector struct {
	a      *Agent
	gauges map[string]*prometheus.Desc
}

func newStoreCollector(a *Agent) *storeCollector {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("sipsteer_store_"+name, help, labels, nil)
	}
	return &storeCollector{a: a, gauges: map[string]*prometheus.Desc{
		"term":     d("term", "Raft term."),
		"index":    d("index", "Log entries: last stored, committed, applied.", "what"),
		"contact":  d("leader_contact_seconds", "Since the leader was heard; -1 if never."),
		"voters":   d("voters", "Members that vote."),
		"latency":  d("latency_seconds", "Time to write a batch of entries to disk, and to apply one, since the start.", "what", "quantile"),
		"duration": d("duration_seconds", "Time to write a batch of entries to disk, and to apply one.", "what"),
		"ops":      d("operations_total", "Batches written and entries applied since the start.", "what"),
		"snapshot": d("snapshot_age_seconds", "Since the newest snapshot was written here."),
		"delayed":  d("delayed_copy_age_seconds", "Age of the delayed copy."),
		"restore":  d("delayed_copy_restore_seconds", "What the last practice restore of the delayed copy took, from the file to answers; -1 if it failed."),
		"free":     d("disk_free_bytes", "Free on the disk of the data directory."),
		"disk":     d("disk_error", "1 while the disk refuses writes."),
		"differs":  d("state_in_doubt", "1 while the State here differs from the majority's."),
		"waiting":  d("audit_waiting", "Records of the audit trail that a receiver has not taken, at most 10000 counted.", "to"),
		"untaken":  d("audit_failed", "1 while this agent sends the audit trail to a receiver that does not take it.", "to"),
		"identity": d("identity_seconds_left", "Until this agent's certificate ends."),
	}}
}

// Describe implements prometheus.Collector.
func (c *storeCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.gauges {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *storeCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(name string, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(c.gauges[name], prometheus.GaugeValue, v, labels...)
	}
	st, now := c.a.store.Status(), time.Now()
	gauge("term", float64(st.Term))
	gauge("index", float64(st.Last), "last")
	gauge("index", float64(st.Commit), "commit")
	gauge("index", float64(st.Applied), "applied")
	gauge("contact", max(st.Contact.Seconds(), -1))
	gauge("voters", float64(voters(st.Members)))
	for what, l := range map[string]raftstore.Latency{"write": st.Write, "apply": st.Apply} {
		gauge("latency", l.P50.Seconds(), what, "0.5")
		gauge("latency", l.P99.Seconds(), what, "0.99")
		ch <- latencyHistogram(c.gauges["duration"], l, what)
		ch <- prometheus.MustNewConstMetric(c.gauges["ops"], prometheus.CounterValue, float64(l.Count), what)
	}
	if !st.SnapshotTaken.IsZero() {
		gauge("snapshot", now.Sub(st.SnapshotTaken).Seconds())
	}
	if c.a.delayed != nil {
		if _, at, _ := c.a.delayed.status(); !at.IsZero() {
			gauge("delayed", now.Sub(at).Seconds())
		}
		if p := c.a.delayed.practised(); p != nil && p.Problem == "" {
			gauge("restore", p.Took)
		} else if p != nil {
			gauge("restore", -1)
		}
	}
	if free, size := diskSpace(c.a.cfg.Dir); size > 0 {
		gauge("free", float64(free))
	}
	for _, t := range c.a.auditTargets() {
		gauge("waiting", float64(t.Waiting), t.To)
		gauge("untaken", flag(t.Problem != ""), t.To)
	}
	gauge("disk", flag(st.DiskError != ""))
	gauge("differs", flag(c.a.pub.frozen() != ""))
	if c.a.cfg.Identity != nil {
		gauge("identity", c.a.cfg.Identity.Self().Until.Sub(now).Seconds())
	}
}

// latencyHistogram shows times as they can be summed up over any span, and over
// agents, which quantiles since the start cannot.
func latencyHistogram(desc *prometheus.Desc, l raftstore.Latency, what string) prometheus.Metric {
	buckets := make(map[float64]uint64, len(l.Buckets))
	for _, b := range l.Buckets {
		buckets[b.Below.Seconds()] = b.Count
	}
	return prometheus.MustNewConstHistogram(desc, l.Count, l.Sum.Seconds(), buckets, what)
}
