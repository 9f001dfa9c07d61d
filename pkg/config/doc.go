// Package config reads the files that people write: fleet.yaml, agent.yaml and
// client.yaml. It is strict, finds all problems of a file at once, and says for
// each where it is and what would be right. What the values mean is the
// business of those who use them.
package config
