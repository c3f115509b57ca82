// Package takeover proves the checkpoint store in etcd on the real thing: clusters
// of one member and of three, each member a process of its own that can be killed,
// and two processes of esferry that want one ferry.
package takeover
