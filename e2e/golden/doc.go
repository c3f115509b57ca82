// Package golden holds what operators type, read and install, without engines:
// every help text and a message of each kind to the letter (make golden rewrites
// them), and the units, manifests, scripts and examples in deploy/, each checked
// by the tool that would read it.
package golden
