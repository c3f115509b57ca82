// Package wire opens connections that end when nothing moves on them, which those
// of net/http do not.
//
// It is a leaf and may touch the standard library alone. For example:
//
//	t := &http.Transport{DialContext: wire.Patient(dial, 5*time.Minute)}
package wire
