// Package gate is the SIP element in front of a site's softswitch. While the
// site is open it passes everything on; while the site is drained it answers
// new work with 503 at the first packet, so that phones go to the next site at
// once instead of waiting 32 s, and still passes on what belongs to calls that
// are up.
//
// It keeps no transactions and no dialogs (RFC 3261 §16.11): over UDP it may
// be restarted in the middle of a call. docs/gate.md has the decisions and what
// they cost.
package gate
