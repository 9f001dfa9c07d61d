// Package rules holds the rules of the source tree as tests: who may import
// whom, what a pure package may not do, how long a file may be, what no file
// may name, and what the documents claim. It has no code that runs elsewhere.
package rules
