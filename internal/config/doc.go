// Package config reads ferry.yaml into a Config of which every value has been
// checked, so that the rest of the program need not ask again.
//
// It may touch the file itself, the environment and the secret files that the
// file refers to, and nothing else; no other room imports it, only cmd does.
// How a file is read:
//
//  1. goccy's parser makes a tree whose nodes know line and column;
//  2. each section names its keys and where their values go; what it does not
//     name is an error, as is a key written twice or a value of another type;
//  3. ${env:NAME} and ${file:/path} are replaced in the tree's scalars, never
//     in the text, so that a value can change neither structure nor positions;
//     $${ stands for a literal ${;
//  4. keys that are absent get their defaults, in one function;
//  5. what concerns several keys at once is checked last.
//
// Every fault is an *Error with file, line, column and key. No value ever
// enters one: any of them may be a secret in the wrong place. Anchors, aliases,
// merge keys, tags and further documents are refused, for a reader of the file
// should see each value where it counts.
//
// Relative paths (checkpoint.path, those under tls, and ${file:}) are meant
// from the folder that ferry.yaml is in: the same file is the same ferry,
// wherever the command is started.
//
// Not guaranteed: that a text under a key that is not for secrets stays unseen
// (a URL or an index name that came from the environment is shown as it is);
// that a cluster, bucket or index named in the file exists; that source and
// target differ. The last two are the preflight's business.
package config
