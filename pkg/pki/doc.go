// Package pki knows who is who: the fleet's certificate authority, the
// identities of agents, the tokens by which an agent joins and those of
// operators with their roles, and what all agents must agree on about them (the
// Registry). It opens no connection and keeps no clock.
//
// An identity is a certificate of the fleet's own authority with one URI,
// sipsteer:agent/NAME. A certificate of another authority, of another kind or
// for another name is nobody.
package pki
