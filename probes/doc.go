// Package probes knows how often softswitches are asked, and when an observer
// has seen enough for an opinion. It does not know how to ask: that is the job
// of one sub-package for each kind of check, handed in as a Prober or, for what
// is held open rather than asked, a Watcher. What an opinion is worth is
// decided elsewhere: package health counts results and combines observers.
//
// A Runner asks every check once per interval, each at its own phase. The first
// sign of trouble on any check of a softswitch makes all checks of that
// softswitch be asked in a burst, so that a dead one is known in a fraction of
// the interval and a lost packet is forgiven as fast. DESIGN.md holds the
// arithmetic.
package probes
