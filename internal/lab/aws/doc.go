// Package aws stands in for Amazon's services in tests: a reverse proxy that
// lets only rightly signed requests through to a real engine, a token service
// that lends keys for a role, and the managed service's own rules about
// snapshot repositories. It is imported by tests only and may touch the leaves.
//
// It recomputes each signature from Amazon's description of Signature Version 4
// alone, without the SDK that the product signs with, so that a mistake in
// either shows. How a request passes:
//
//  1. its body is read to the end: a length must have been promised;
//  2. the date is held against the service's clock, which may be set wrong;
//  3. key, token and expiry are looked up in Accounts, then region and service;
//  4. the canonical request is built from the wire's bytes and its signature
//     compared; headers that must be signed and are not are refused;
//  5. requests about repositories are judged and translated (Snapshots), all
//     others go to the engine as they came, without the credentials.
//
// Refusals have Amazon's status, words and JSON or XML shapes.
//
// Not guaranteed: policies other than trust in a role and iam:PassRole; a
// signature in the query.
package aws
