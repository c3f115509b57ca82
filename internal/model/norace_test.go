//go:build !race

package model_test

// raced says that the race detector slows the search down about tenfold.
const raced = false
