// Package lab runs a whole fleet on one machine: three agents as processes of
// their own, with Raft on disk, name servers and gates, in front of simulated
// softswitches that speak real SIP and can be broken in real ways. It is for
// learning, for demonstrations and for tests; nothing of it runs in production.
package lab
