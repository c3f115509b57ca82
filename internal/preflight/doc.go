// Package preflight finds what would stop a ferry, before anything is changed:
// one check a file, one explicit list of them. Every obstacle names what it is
// about and what to do.
//
// It may touch the leaves and package cluster, and it only asks.
package preflight
