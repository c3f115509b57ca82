// Package shard holds the vocabulary of positions: which shard, how far, from
// where to where. It is a leaf: values only, no I/O, so that every room can
// speak of windows without importing another room.
//
// It may touch the standard library only.
package shard
