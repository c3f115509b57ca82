package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"esferry/internal/config"
)

// whole is the configuration that testdata/ferry.yaml must give, read from dir.
func whole(dir string) *config.Config {
	return &config.Config{
		Name: "search-2026",
		Source: config.Endpoint{
			URLs: []string{"https://old.example:9200"},
			Auth: config.Auth{SigV4: &config.SigV4{Region: "ap-northeast-1", Service: "es", RoleARN: "arn:aws:iam::1:role/x"}},
			TLS:  config.TLS{CAFile: filepath.Join(dir, "ca.pem")},
		},
		Target: config.Endpoint{
			URLs: []string{"https://new.example:9200"},
			Auth: config.Auth{Basic: &config.Basic{Username: "ferry", Password: config.NewSecret("pw")}},
		},
		Indices: config.Indices{
			Types: config.TypesRefuse, TimeOverlap: config.Duration(10 * time.Minute),
			Include: []string{"logs-*", "users"},
			Exclude: []string{".*"},
			Paths:   map[string]string{"logs-2026.*": config.PathStream},
			Rename:  map[string]string{"users": "users-v2"},
		},
		Snapshot: wholeSnapshot(),
		Stream: config.Stream{
			Page: config.Page{Bytes: 4 << 20}, Bulk: config.Bulk{Bytes: 2 << 20},
			Memory: 48 << 20, OnReject: config.OnRejectStop,
			Brake: config.Brake{SearchQueue: 100}, TargetDurability: config.DurabilityIndex,
		},
		Reconcile: config.ReconcileContent,
		Deletes:   config.DeletesExact,
		MaxDelete: 20,
		Cutover: config.Cutover{
			Freeze: config.FreezeBlock, MaxLag: 1000, MaxFreeze: config.Duration(10 * time.Minute),
			Aliases: map[string]string{"search": "search-v2"},
			Hooks:   config.Hooks{Frozen: []string{"./stop-writers.sh"}, Switched: []string{"./dns.sh"}, Aborted: []string{}},
		},
		Checkpoint: config.Checkpoint{Store: config.StoreEmbedded, Path: filepath.Join(dir, "ferry.db")},
		Serve:      config.Serve{Listen: "127.0.0.1:7300"},
	}
}

func wholeSnapshot() *config.Snapshot {
	return &config.Snapshot{
		Repository: "ferry",
		Source: config.Repository{Type: "s3", Settings: config.Settings{
			"bucket": "old-snaps", "region": "ap-northeast-1", "role_arn": "arn:aws:iam::1:role/snap", "server_side_encryption": true,
		}},
		Target: config.Repository{Type: "oss", Settings: config.Settings{
			"bucket": "new-snaps", "endpoint": "oss-cn-hangzhou-internal.example", "compress": true,
		}},
		Copy: &config.Copy{
			BytesPerSecond: 100 << 20,
			From:           config.Bucket{Bucket: "old-snaps", Region: "ap-northeast-1"},
			To: config.Bucket{
				Bucket: "new-snaps", Endpoint: "https://oss-cn-hangzhou.example", Region: "cn-hangzhou",
				Keys: config.Keys{AccessKeyID: config.NewSecret("id"), SecretAccessKey: config.NewSecret("key")},
			},
		},
		OnExisting: config.OnExistingError, OnExistingFallback: config.FallbackRefuse, Partial: config.PartialError,
		Restore: config.Restore{RefreshInterval: "-1"},
	}
}

// compare lets cmp see what a Secret holds.
func compare() cmp.Option {
	return cmp.Options{cmp.Transformer("Reveal", config.Secret.Reveal), cmpopts.IgnoreUnexported(config.Config{})}
}

func TestLoadWhole(t *testing.T) {
	t.Setenv("TARGET_PASSWORD", "pw")
	t.Setenv("OSS_ID", "id")
	t.Setenv("OSS_SECRET", "key")
	got, err := config.Load(filepath.Join("testdata", "ferry.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole("testdata"), got, compare()); diff != "" {
		t.Errorf("Load (-want +got):\n%s", diff)
	}
	if want := []string{"pw", "id", "key"}; !slices.Equal(got.Secrets(), want) {
		t.Errorf("got the secrets %q, want %q", got.Secrets(), want)
	}
}

func TestLoadFailure(t *testing.T) {
	f := func(path, want string) {
		t.Helper()
		_, err := config.Load(path)
		if got := len(config.Faults(err)); got != 1 {
			t.Fatalf("got %d faults in %v, want 1", got, err)
		}
		if got := err.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	dir := t.TempDir()
	f("testdata/absent.yaml", "testdata/absent.yaml: the file does not exist")
	f(dir, dir+": the file cannot be read")
}

// Each default is the value that the documented file shows.
func TestDefaults(t *testing.T) {
	got := parse(t, minimal, config.Environment{})
	want := &config.Config{
		Name:    "a",
		Source:  config.Endpoint{URLs: []string{"https://old.example:9200"}},
		Target:  config.Endpoint{URLs: []string{"https://new.example:9200"}},
		Indices: config.Indices{Include: []string{"*"}, Types: config.TypesRefuse, TimeOverlap: config.Duration(10 * time.Minute)},
		Stream:  whole("").Stream, Reconcile: config.ReconcileContent, Deletes: config.DeletesExact, MaxDelete: 20,
		Cutover:    config.Cutover{Freeze: config.FreezeBlock, MaxLag: 1000, MaxFreeze: config.Duration(10 * time.Minute)},
		Checkpoint: config.Checkpoint{Store: config.StoreEmbedded, Path: "ferry.db"},
		Serve:      config.Serve{Listen: "127.0.0.1:7300"},
	}
	if diff := cmp.Diff(want, got, compare()); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

// A value that is there counts, also where it is the type's zero; a section
// whose lines are all commented out is as good as absent.
func TestPresenceBeatsDefault(t *testing.T) {
	c := parse(t, minimal+`
max_delete: 0%
cutover: {max_lag: 0}
indices:
  # include: [a]
stream:
snapshot:
`, config.Environment{})
	if c.MaxDelete != 0 || c.Cutover.MaxLag != 0 {
		t.Errorf("got %s and %d, want 0%% and 0", c.MaxDelete, c.Cutover.MaxLag)
	}
	if c.Snapshot != nil {
		t.Errorf("got a snapshot section, want none")
	}
	if got := c.Stream.Memory; got != 48<<20 {
		t.Errorf("got memory %s, want 48MiB", got)
	}
}

func TestSnapshotDefaults(t *testing.T) {
	c := parse(t, minimal+"snapshot: {source: {type: fs, settings: {location: /snaps}}}\n", config.Environment{})
	want := config.Repository{Type: "fs", Settings: config.Settings{"location": "/snaps"}}
	if diff := cmp.Diff(want, c.Snapshot.Target); diff != "" {
		t.Errorf("target (-want +got):\n%s", diff)
	}
	s := c.Snapshot
	if s.Repository != "ferry" || s.OnExisting != config.OnExistingError || s.Restore.RefreshInterval != "-1" || s.Copy != nil {
		t.Errorf("got %+v", *s)
	}
	c.Snapshot.Target.Settings["location"] = "/other"
	if got := c.Snapshot.Source.Settings["location"]; got != "/snaps" {
		t.Errorf("the target's settings are the source's own: got %v", got)
	}
}

func TestSpellings(t *testing.T) {
	c := parse(t, "\ufeff"+strings.ReplaceAll(`---
name: "2026"
source:
  url:
    - https://a.example:9200/
    - http://b.example/es
target: {url: [https://new.example:9200, "https://c.example:9200"], auth: {api_key: 0123}}
stream: {writers: 4, rate: {docs_per_second: 500, bytes_per_second: 10MB, requests_per_second: 3}, brake: {search_queue: 0, cpu: 85%}, target_durability: async}
snapshot:
  source:
    type: s3
    settings: {bucket: b, max_retries: 3, ratio: 0.5, tags: [x, 1], nested: {deep: true}}
  copy:
    from: {bucket: b}
    to: {bucket: b, prefix: /a/b/, path_style: true}
  target: {type: s3, settings: {bucket: b}}
checkpoint: {store: etcd, endpoints: "http://127.0.0.1:2379"}
`, "\n", "\r\n"), config.Environment{Dir: "/conf"})
	if diff := cmp.Diff([]string{"https://a.example:9200", "http://b.example/es"}, c.Source.URLs); diff != "" {
		t.Errorf("urls (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"https://new.example:9200", "https://c.example:9200"}, c.Target.URLs); diff != "" {
		t.Errorf("urls in braces (-want +got):\n%s", diff)
	}
	if got, want := c.Target.Auth.APIKey.Reveal(), "0123"; got != want {
		t.Errorf("got key %q, want %q: digits are text too", got, want)
	}
	want := map[string]any{
		"bucket": "b", "max_retries": int64(3), "ratio": 0.5, "tags": []any{"x", int64(1)}, "nested": map[string]any{"deep": true},
	}
	if diff := cmp.Diff(want, c.Snapshot.Source.Settings.Plain()); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if got := c.Snapshot.Copy.To; got.Prefix != "a/b" || got.PathStyle == nil || !*got.PathStyle {
		t.Errorf("got bucket %+v", got)
	}
	if c.Stream.Writers != 4 || c.Stream.Rate.BytesPerSecond != 10e6 || c.Checkpoint.Path != "" || c.Checkpoint.Prefix != "/esferry/" {
		t.Errorf("got %+v and %+v", c.Stream, c.Checkpoint)
	}
	if s := c.Stream; s.Rate.RequestsPerSecond != 3 || s.Brake != (config.Brake{CPU: 85}) || s.TargetDurability != config.DurabilityAsync {
		t.Errorf("got %+v", s)
	}
}

// What a report shows is a file again, so that it can be read and compared.
func TestRedactedIsAFile(t *testing.T) {
	data, err := os.ReadFile("testdata/ferry.yaml")
	if err != nil {
		t.Fatal(err)
	}
	env := variables(map[string]string{"TARGET_PASSWORD": "pw", "OSS_ID": "id", "OSS_SECRET": "key"})
	first, err := parse(t, string(data), env).Redacted()
	if err != nil {
		t.Fatal(err)
	}
	second, err := parse(t, string(first), config.Environment{}).Redacted()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(first), string(second)); diff != "" {
		t.Errorf("read again (-first +second):\n%s", diff)
	}
	if !strings.Contains(string(first), `"max_freeze": "10m"`) || !strings.Contains(string(first), `"password": "***"`) {
		t.Errorf("got %s", first)
	}
}
