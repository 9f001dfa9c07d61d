// Package fleet knows what one operator runs: sites, softswitches, services
// and the policy by which traffic is steered. It knows names, relations and
// limits; it does not read files, open sockets or know what is healthy.
//
// Everything here is a plain value. A Fleet that passed Validate is complete:
// the rest of the program relies on every name being resolvable and every
// limit being inside its bounds.
package fleet
