// Package tap passes samples of questions and answers on to a collector in the
// dnstap format (dnstap.info): Frame Streams of protocol buffers, as collectors
// for BIND, Knot and Unbound read them. It knows how they are queued, bounded
// and written. It does not know what is asked, and nobody who answers ever waits
// for it: what does not fit is counted and lost.
package tap
