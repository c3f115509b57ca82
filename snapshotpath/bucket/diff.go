package bucket

import (
	"slices"
	"strconv"
	"strings"
)

// Stage is when an object may be copied: every object of an earlier stage must
// be there first.
type Stage int

// The stages of a copy, in their order.
const (
	// Blobs are segments: nobody reads one that no metadata names.
	Blobs Stage = iota
	// Shards are the metadata of shards and indices.
	Shards
	// Root are snap- and meta- of the repository's root.
	Root
	// Generations are the root's index-N, the commit point: the highest N wins.
	Generations
	// Latest is index.latest.
	Latest
)

// Plan is what a copy has to do.
type Plan struct {
	// Copy lists, per stage, what is missing or differs.
	Copy [Latest + 1][]Object
	// Skipped counts what is there already, and Bytes what is to be copied.
	Skipped, Objects, Bytes int64
}

// Diff compares two listings: what the target lacks or holds otherwise is to be
// copied. Junk that is no part of a repository is left out of both.
func Diff(source, target []Object) Plan {
	there := make(map[string]Object, len(target))
	for _, o := range target {
		there[o.Key] = o
	}
	var p Plan
	for _, o := range source {
		if junk(o.Key) {
			continue
		}
		stage := stageOf(o.Key)
		if have, ok := there[o.Key]; ok && equal(o, have, stage) {
			p.Skipped++
			continue
		}
		p.Copy[stage] = append(p.Copy[stage], o)
		p.Objects++
		p.Bytes += o.Size
	}
	// The highest generation last: a reader that lists takes the highest.
	slices.SortFunc(p.Copy[Generations], func(a, b Object) int {
		return int(generation(a.Key) - generation(b.Key))
	})
	return p
}

// equal reports whether the target's object can be trusted to be the source's.
// What the root overwrites under one name never is.
func equal(source, target Object, stage Stage) bool {
	if stage == Generations || stage == Latest || source.Size != target.Size {
		return false
	}
	if md5(source.ETag) && md5(target.ETag) {
		return source.ETag == target.ETag
	}
	return true
}

func md5(etag string) bool { return len(etag) == 32 && !strings.Contains(etag, "-") }

func stageOf(key string) Stage {
	name := key[strings.LastIndexByte(key, '/')+1:]
	root := name == key
	switch {
	case root && name == "index.latest":
		return Latest
	case root && generation(key) >= 0:
		return Generations
	case root:
		return Root
	case strings.HasPrefix(name, "__"):
		return Blobs
	default:
		return Shards
	}
}

// generation gives N of a root's index-N, -1 for other keys. Elasticsearch 2 has
// one index only, without a number.
func generation(key string) int64 {
	if key == "index" {
		return 0
	}
	digits, ok := strings.CutPrefix(key, "index-")
	if !ok {
		return -1
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// newest gives the highest generation of a listing, -1 where there is none.
func newest(objects []Object) int64 {
	n := int64(-1)
	for _, o := range objects {
		n = max(n, generation(o.Key))
	}
	return n
}

// junk is what lies in a repository's folder and is no part of it: leftovers of
// verification, the gateways' own files, folders shown as objects.
func junk(key string) bool {
	return key == "" || strings.HasSuffix(key, "/") || strings.HasPrefix(key, "tests-") ||
		strings.HasPrefix(key, ".sgwtmp") || strings.HasPrefix(key, "pending-index-") || strings.HasPrefix(key, "incompatible-snapshots") ||
		strings.HasPrefix(key, ".") || strings.Contains(key, "/.")
}
