// Package story tells what happens in a lab: it plays a scenario step by step,
// waits for what each step should lead to, and measures from outside — by DNS
// queries and by the phones — how long it took. It shows nothing itself.
package story
