// Command esferry moves live search indices between Elasticsearch and
// OpenSearch clusters. This package is the composition root: flags in, one
// call, output out; it chooses implementations, holds no logic, and is the one
// place where an error becomes an exit code.
package main
