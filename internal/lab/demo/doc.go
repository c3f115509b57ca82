// Command demo shows a whole journey on this machine: two real clusters, two S3
// gateways, real documents, an application that never stops writing, and
// esferry carrying it all, with its progress on the screen. It ends with a
// comparison that shares no code with the product, and fails unless both sides
// are equal. With -stay it leaves the ferry to whoever started it.
package main
