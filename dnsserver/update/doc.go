// Package update keeps a zone on somebody else's name server equal to the
// steered one, by dynamic update (RFC 2136) with TSIG: for operators whose zone
// lives elsewhere. It writes what differs and nothing else, sees and mends what
// others change, and leaves a marker with the epoch in the zone, by which a
// leader that was deposed cannot write over a newer decision. It does not know
// who leads: it writes while it is told to.
package update
