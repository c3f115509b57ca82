// Package cluster speaks to one engine, Elasticsearch or OpenSearch, and is
// the only importer of olivere/elastic. Every call is a verb; every failure is
// an *Error that names operation, index, status and next step; a partial
// answer (failed shards, a time-out, a missing primary, fewer items than sent)
// is an error here, once, so that no room has to look again.
//
// It may touch the leaves, olivere and the AWS signer. How a call is made:
//
//  1. the verb builds a path of escaped segments and a string body;
//  2. olivere sends it once, to the next of the URLs, unsniffed;
//  3. the answer's status and body become a value or an *Error;
//  4. calls that may be repeated are, with backoff, while the error is temporary;
//  5. scroll pages and changes are never repeated here: their callers decide.
//
// Not guaranteed: that two calls reach the same node.
package cluster
