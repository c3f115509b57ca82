// Package lab starts real search engines and real S3 gateways for tests, the
// demo and benchmarks, and compares two clusters without a line of the
// product's own code. It is imported by those only.
//
// It may touch the leaves, and on the machine: a cache folder, a temporary
// folder, loopback ports, and the programs java, mvn and go. How an engine
// comes up:
//
//  1. its version is fetched by Maven into the cache, once, under a file lock
//     that other processes respect; a marker written last says "complete"; where
//     repositories on S3 are wanted, with its plugin for them;
//  2. an installed Java of the right version is chosen;
//  3. its configuration is written into a folder of its own with free ports;
//  4. it is started in a process group of its own, which the system kills when
//     this process dies, however it dies;
//  5. it is asked until it has a master; if it ends before, or the deadline
//     passes, the tail of its log becomes the error.
//
// Elasticsearch refuses to run as root. Where we are root, engines and gateways
// run as the user nobody, and every folder they share belongs to that user;
// this is also why root's cache is /var/cache/esferry-lab and not in root's
// closed home. Elsewhere it is esferry-lab in the user's cache folder. The
// environment variable ESFERRY_LAB overrides both.
//
// Not guaranteed: anything on Windows; that an engine dies with a killed
// parent before its first second on systems other than Linux; that two labs
// never choose the same port (then one of the engines fails to start and says
// so).
package lab
