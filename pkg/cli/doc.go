// Package cli is the command line: it reads flags and files, asks the agents
// through package api, and prints what they say. It decides nothing.
//
// Data goes to standard output, words to standard error. Exit codes: 0 done
// and its effect seen, 1 failed, 2 wrong usage or invalid input, 3 refused by
// a guard, 4 no quorum or no agent reachable.
package cli
