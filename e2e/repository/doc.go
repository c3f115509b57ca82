// Package repository tests that chosen snapshots are carried from bucket to
// bucket by what their metadata say: out of the repositories that every engine
// wrote, and night after night beside a running one. It holds tests only.
package repository
