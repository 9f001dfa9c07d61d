// Package api is the HTTP API of an agent: its words as Go types, the server
// that speaks them over a Backend, and the client that the command line and
// the other agents use. It decides nothing.
package api
