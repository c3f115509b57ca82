// Package control lets a running ferry be asked from outside: HTTP over a unix
// socket beside its store, which only its owner may open. The embedded store is
// locked while a ferry runs, so that whoever wants to know asks the ferry.
//
// It may touch the leaves. The socket of a store at PATH is PATH.sock, or a
// name derived from it in the temporary folder where that is too long for a
// socket's address.
package control
