// Package engines tests the lab itself on every engine that it can start: that
// they come up, keep documents byte for byte, share a repository with an S3
// bucket, ask for a password where they should, and leave no process behind.
//
// The other packages of this module rest on what is shown here. It holds tests
// only.
package engines
