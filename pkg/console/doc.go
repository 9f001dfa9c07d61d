// Package console draws: the live picture of a story on a terminal, and the
// plain lines and summary that stand for it elsewhere. It decides and measures
// nothing.
package console
