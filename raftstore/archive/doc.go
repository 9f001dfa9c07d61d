// Package archive keeps the past: one record for each State that was in force,
// in files that are only appended to, each record chained to the one before by
// its hash. It does not know what a State is.
//
// A record that was changed, left out or put in is found by Open and by Verify,
// without a key: whoever wants to hide a change must rewrite everything after
// it, on every agent. Old segments are removed whole, by age and size; the
// first record of the oldest one kept is then the anchor. What is too large for
// every record, a table, is kept beside them once for each change.
package archive
