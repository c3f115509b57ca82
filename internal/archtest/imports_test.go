package archtest_test

import (
	"slices"
	"strconv"
	"strings"
)

// module is the prefix of our own import paths, in both modules.
const module = "esferry/"

// row is one line of the import table: what the product files of a room may
// import beside the standard library. A trailing "/..." stands for all below.
type row struct {
	room string
	ours []string
	libs []string
}

// Sets of rooms that many rows share.
var (
	leaves   = []string{"internal/shard", "internal/batch", "internal/foreign", "internal/group", "internal/jsonscan", "internal/retry", "internal/wire", "internal/workers"}
	engine   = with(leaves, "internal/cluster")
	compared = with(engine, "internal/digest")
	journey  = with(engine, "checkpoint", "stream", "sink", "snapshotpath", "snapshotpath/bucket", "internal/digest", "internal/verify", "internal/reconcile", "internal/census", "internal/metadata", "internal/preflight", "internal/report", "internal/history")
	compose  = with(journey, "internal/ferry", "internal/config", "internal/control", "internal/draft", "internal/iam", "checkpoint/boltstore", "checkpoint/etcdstore", "internal/report/page", "internal/live")
	anything = []string{"..."}
)

// table says who may import whom. Leaves are shared by all; the rooms know the
// leaves and the cluster, never one another; ferry joins them and is handed
// stores and clusters; cmd chooses the implementations.
func table() []row {
	return []row{
		{"internal/shard", nil, nil},
		{"internal/batch", leaves, []string{"golang.org/x/sync"}},
		{"internal/foreign", nil, nil},
		{"internal/wire", nil, nil},
		{"internal/workers", leaves, nil},
		{"internal/workers/workerstest", []string{"internal/workers"}, nil},
		{"internal/group", leaves, []string{"golang.org/x/sync"}},
		{"internal/jsonscan", nil, []string{"golang.org/x/sys/cpu"}},
		{"internal/digest", leaves, []string{"github.com/zeebo/xxh3"}},
		{"internal/retry", leaves, []string{"github.com/cenkalti/backoff/v5"}},
		{"internal/joint", leaves, nil},

		{"checkpoint", []string{"internal/shard"}, nil},
		{"checkpoint/boltstore", []string{"checkpoint", "internal/shard"}, []string{"go.etcd.io/bbolt"}},
		{"checkpoint/etcdstore", []string{"checkpoint", "internal/group", "internal/retry", "internal/workers"}, []string{"go.etcd.io/etcd", "go.uber.org/zap", "google.golang.org/grpc"}},
		{"checkpoint/storetest", with(leaves, "checkpoint"), []string{"github.com/google/go-cmp", "pgregory.net/rapid"}},

		{"internal/cluster", with(leaves, "internal/joint"), []string{"github.com/olivere/elastic/v7", "github.com/aws/aws-sdk-go-v2", "github.com/klauspost/compress"}},
		{"stream", engine, []string{"github.com/klauspost/compress", "golang.org/x/time"}},
		{"sink", engine, []string{"golang.org/x/time"}},
		{"snapshotpath", with(engine, "snapshotpath/bucket"), nil},
		{"snapshotpath/bucket/layout", nil, []string{"github.com/klauspost/compress"}},
		{"snapshotpath/bucket", with(leaves, "snapshotpath/bucket/layout"), []string{"github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go", "golang.org/x/time"}},
		{"internal/scratch", nil, []string{"github.com/klauspost/compress"}},
		{"internal/reconcile", with(compared, "internal/scratch"), nil},
		{"internal/census", with(engine, "internal/scratch"), []string{"github.com/RoaringBitmap/roaring/v2"}},
		{"internal/verify", compared, nil},
		{"internal/metadata", engine, nil},
		{"internal/preflight", engine, nil},

		{"internal/draft", nil, nil},
		{"internal/iam", nil, nil},
		{"internal/report", leaves, []string{"github.com/jedib0t/go-pretty/v6", "github.com/prometheus/client_golang", "github.com/vbauerster/mpb/v8"}},
		{"internal/report/page", []string{"internal/foreign", "internal/history"}, nil},
		{"internal/history", []string{"checkpoint", "internal/report"}, nil},
		{"internal/control", with(leaves, "internal/report"), nil},
		{"internal/live", with(leaves, "internal/report"), nil},
		{"internal/config", leaves, []string{"github.com/goccy/go-yaml"}},
		{"internal/ferry", with(journey, "internal/joint"), []string{"golang.org/x/sync/semaphore"}},
		// AWS here is the credential chain, made once and handed in like stores and clusters.
		{"cmd/esferry", with(compose, "snapshotpath/bucket/layout"), []string{"github.com/spf13/cobra", "github.com/spf13/pflag", "github.com/lmittmann/tint", "github.com/jedib0t/go-pretty/v6", "github.com/aws/aws-sdk-go-v2"}},

		{"bench/...", anything, nil},
		{"internal/archtest", nil, nil},
		{"internal/changelog", nil, nil},
		{"internal/corpus", leaves, nil},
		{"internal/lab", with(leaves, "internal/corpus"), nil},
		{"internal/lab/aws", leaves, nil},
		{"internal/lab/chaos", []string{"internal/lab/faultcase"}, nil},
		{"internal/lab/demo", anything, nil},
		{"internal/lab/faultcase", nil, nil},
		{"internal/lab/faults", leaves, nil},
		{"internal/model", nil, nil},
		{"e2e/...", anything, anything},
	}
}

// imports checks product files only: a test may use the lab and test libraries.
func imports(tree []source) (found []string) {
	for _, s := range product(tree) {
		i := slices.IndexFunc(table(), func(r row) bool { return under(r.room, s.room) })
		if i < 0 {
			found = append(found, s.room+": no row in the import table of internal/archtest")
			continue
		}
		r := table()[i]
		for _, spec := range s.file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				found = append(found, s.at(spec.Pos(), "%v", err))
				continue
			}
			if !r.allows(name) {
				found = append(found, s.at(spec.Pos(), "%s may not import %s", s.room, name))
			}
		}
	}
	return found
}

func (r row) allows(name string) bool {
	if ours, ok := strings.CutPrefix(name, module); ok {
		return slices.ContainsFunc(r.ours, func(room string) bool { return under(room, ours) })
	}
	if first, _, _ := strings.Cut(name, "/"); !strings.Contains(first, ".") {
		// The standard library has no dot in its first element.
		return true
	}
	return slices.ContainsFunc(r.libs, func(lib string) bool {
		return lib == "..." || name == lib || strings.HasPrefix(name, lib+"/")
	})
}

// under reports whether room is pattern, or lies in the folder that a pattern
// with "/..." names.
func under(pattern, room string) bool {
	if folder, ok := strings.CutSuffix(pattern, "..."); ok {
		return strings.HasPrefix(room+"/", folder)
	}
	return pattern == room
}

func with(rooms []string, more ...string) []string { return slices.Concat(rooms, more) }
