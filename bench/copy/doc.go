// Command copy measures `esferry repo copy` beside rclone: the same repository,
// between the same two S3 gateways, in turns.
package main
