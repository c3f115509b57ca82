// Package group starts every goroutine of esferry. It is errgroup with three
// things added: a name for each goroutine, recovery of panics (errgroup
// deliberately carries none over, and an uncaught one would end the process
// with exit code 2, which means "wrong usage" here), and a context that ends
// with the first error.
//
// It is a leaf and may touch the standard library and x/sync. Package archtest
// refuses a go statement anywhere else.
package group
