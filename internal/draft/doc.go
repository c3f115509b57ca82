// Package draft writes a first ferry.yaml: what was asked on the command line
// and what was found on both clusters, with a comment beside each choice. It is
// pure: it asks nobody, reads no file, and holds no secret, since it takes only
// references to them.
//
// How a draft comes about:
//
//  1. Login reads what stands behind --source-auth and --target-auth, and
//     refuses a secret in the place of a reference;
//  2. YAML gives the text before anything is known, with which both clusters
//     are reached and a plan is made;
//  3. what the plan cannot carry is put under Excluded, with the reason;
//  4. YAML gives the text again.
//
// Not guaranteed: that the text is a valid ferry.yaml for any input; who calls
// reads it with package config before it is kept.
package draft
