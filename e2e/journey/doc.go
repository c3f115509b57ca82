// Package journey runs the real binary between real engines: whole journeys
// for the pairs of versions we promise, journeys killed at every event, and
// wrong input. Each test ends with a comparison that shares no code with the
// product.
//
// Engines wait more than they compute, so that tests run side by side. Those that
// set the environment run alone.
package journey
