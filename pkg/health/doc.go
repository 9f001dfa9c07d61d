// Package health turns observations into verdicts: one observer's results
// pass a counter that forgives a single lost packet but not a slow run of
// them, and the opinions of several observers are combined by quorum. It is
// pure: it holds no clock and starts nothing.
package health
