// Package traces plays faults that were met, kept in testdata, against the real
// runner, counters and combination of observers in virtual time, and counts
// verdicts that are true, false, late or missing. Its tests hold docs/verdicts.md
// current.
package traces
