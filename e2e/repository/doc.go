// Package repository tests how a repository is carried from bucket to bucket,
// between real gateways: whole, beside every trouble that a service makes; and
// chosen snapshots by what their metadata say, out of the repositories that
// every engine wrote, and night after night beside a running one. It holds tests
// only.
package repository
