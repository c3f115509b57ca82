package snapshotpath_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"esferry/internal/cluster"
	"esferry/snapshotpath"
)

const secret = "hunter2-hunter2"

// registry keeps one repository, as an engine does.
type registry struct {
	there            cluster.Repository
	found            bool
	writes, verified int
	asked            map[string]any
	// broken engines register and then cannot verify, those with unread read.
	broken, unread error
}

func (*registry) Identity() cluster.Identity {
	return cluster.Identity{Product: cluster.Elasticsearch, Version: cluster.Version{Major: 7, Minor: 10}}
}

func (r *registry) Repository(context.Context, string) (cluster.Repository, bool, error) {
	return r.there, r.found, nil
}

func (r *registry) PutRepository(_ context.Context, _, kind string, settings map[string]any) error {
	r.writes, r.found, r.asked = r.writes+1, true, settings
	r.there = cluster.Repository{Type: kind, Settings: map[string]string{}}
	for key, value := range settings {
		if !cluster.SecretSetting(key) {
			r.there.Settings[key] = fmt.Sprint(value)
		}
	}
	return r.broken
}

func (r *registry) SnapshotNames(context.Context, string) ([]string, error) {
	r.verified++
	return nil, r.unread
}

func (r *registry) DeleteRepository(context.Context, string) error {
	r.found = false
	return nil
}

func (r *registry) VerifyRepository(context.Context, string) ([]string, error) {
	r.verified++
	return []string{"node-1"}, nil
}

// having is an engine where a repository is registered.
func having(kind string, pairs ...string) *registry {
	r := &registry{found: true, there: cluster.Repository{Type: kind, Settings: map[string]string{}}}
	for i := 0; i < len(pairs); i += 2 {
		r.there.Settings[pairs[i]] = pairs[i+1]
	}
	return r
}

func TestRegister(t *testing.T) {
	f := func(name string, g *registry, r snapshotpath.Repository, writes int, wrong string) {
		t.Helper()
		err := snapshotpath.Register(t.Context(), g, r)
		if wrong == "" && err != nil || wrong != "" && (err == nil || !strings.Contains(err.Error(), wrong)) || g.writes != writes {
			t.Errorf("%s: got %v and %d writes, want %q and %d", name, err, g.writes, wrong, writes)
			return
		}
		if err != nil {
			advised(t, err)
			return
		}
		if (writes == 0 || r.ReadOnly) && g.verified != 1 {
			t.Errorf("%s: it was not verified again", name)
		}
		// What was registered is the same the next time.
		if err := snapshotpath.Register(t.Context(), g, r); err != nil || g.writes != writes {
			t.Errorf("%s: the second time: %v and %d writes, want none more than %d", name, err, g.writes, writes)
		}
	}
	fs := snapshotpath.Repository{Name: "ferry", Type: "fs", Settings: map[string]any{"location": "/a", "compress": true, "secret": secret}}
	reads := fs
	reads.ReadOnly = true
	f("new", &registry{}, fs, 1, "")
	f("new, to read", &registry{}, reads, 1, "")
	f("the same", having("fs", "location", "/a", "compress", "true"), fs, 0, "")
	f("the same, to read", having("fs", "location", "/a", "compress", "true", "readonly", "true"), reads, 0, "")
	f("more that is no place", having("fs", "location", "/a", "compress", "true", "max_snapshot_bytes_per_sec", "40mb"), fs, 0, "")
	f("another place", having("fs", "location", "/b", "compress", "true"), fs, 0, "another location")
	f("another type", having("s3"), fs, 0, "another type")
	f("a place we did not give", having("fs", "location", "/a", "compress", "true", "base_path", "x"), fs, 0, "another base_path")
	f("only to read there", having("fs", "location", "/a", "compress", "true", "readonly", "true"), fs, 0, "another readonly")
	f("written there", having("fs", "location", "/a", "compress", "true"), reads, 0, "another readonly")
	f("references only", having("fs", "location", "/a", "compress", "true", "remote_store_index_shallow_copy", "true"), fs, 0, "remote_store_index_shallow_copy is true")
	f("references only, in the second form", having("fs", "location", "/a", "compress", "true", "shallow_snapshot_v2", "true"), fs, 0, "shallow_snapshot_v2 is true")
	for _, name := range []string{"cs-automated", "cs-automated-enc", "found-snapshots", "aliyun_auto_snapshot", "aliyun_snapshot_from_instance"} {
		managed := fs
		managed.Name = name
		f(name, &registry{}, managed, 0, "managed service")
	}
	f("Elastic Cloud's own under another name", having("s3", "client", "elastic-internal-71bcd3"), s3(nil), 0, "managed service")
	f("Amazon's own under another name", having("s3", "role_arn", "arn:aws:iam::1:role/cp-sls-es-ops"), amazon(nil), 0, "managed service")
}

// TestUnverified: what the engine could not verify is not left behind.
func TestUnverified(t *testing.T) {
	g := &registry{broken: &cluster.Error{Type: "repository_verification_exception"}}
	if err := snapshotpath.Register(t.Context(), g, s3(nil)); !errors.Is(err, g.broken) || g.found || g.writes != 1 {
		t.Errorf("got %v, found %t after %d writes, want the engine's error and nothing registered", err, g.found, g.writes)
	}
	g = &registry{unread: errors.New("wrong keys")}
	reads := s3(nil)
	reads.ReadOnly = true
	if err := snapshotpath.Register(t.Context(), g, reads); !errors.Is(err, g.unread) || g.found {
		t.Errorf("got %v, found %t, want the engine's error and nothing registered", err, g.found)
	}
}

// s3 and amazon are repositories of the type s3 with some settings changed, on
// an engine of one's own and on Amazon's service.
func s3(change map[string]any) snapshotpath.Repository {
	return changed(snapshotpath.Repository{Name: "ferry", Type: "s3", Settings: map[string]any{"bucket": "snaps", "region": "ap-northeast-1"}}, change)
}

func amazon(change map[string]any) snapshotpath.Repository {
	r := s3(map[string]any{"role_arn": "arn:aws:iam::1:role/snap", "server_side_encryption": true})
	r.Keeper, r.Signed, r.Region = snapshotpath.Amazon, true, "ap-northeast-1"
	return changed(r, change)
}

func changed(r snapshotpath.Repository, change map[string]any) snapshotpath.Repository {
	maps.Copy(r.Settings, change)
	return r
}

func oss(change map[string]any) snapshotpath.Repository {
	return changed(snapshotpath.Repository{Name: "ferry", Type: "oss", Keeper: snapshotpath.Alibaba, Settings: map[string]any{
		"bucket": "snaps", "endpoint": "http://oss-cn-hangzhou-internal.aliyuncs.com", "access_key_id": secret, "secret_access_key": secret, "compress": true,
	}}, change)
}

// TestRegions: Amazon's service wants an endpoint in place of some regions.
func TestRegions(t *testing.T) {
	f := func(r snapshotpath.Repository, region, endpoint string) {
		t.Helper()
		g := &registry{}
		for range 2 {
			if err := snapshotpath.Register(t.Context(), g, r); err != nil || g.writes != 1 {
				t.Errorf("region %v: got %v and %d writes, want one", r.Settings["region"], err, g.writes)
			}
		}
		if g.there.Settings["region"] != region || g.there.Settings["endpoint"] != endpoint {
			t.Errorf("region %v: got %v, want region %q and endpoint %q", r.Settings["region"], g.there.Settings, region, endpoint)
		}
	}
	f(amazon(nil), "ap-northeast-1", "")
	f(amazon(map[string]any{"region": "us-east-1"}), "", "s3.amazonaws.com")
	f(amazon(map[string]any{"region": "eu-west-1"}), "", "s3.amazonaws.com")
	f(amazon(map[string]any{"region": "us-east-1", "endpoint": "s3.us-east-1.amazonaws.com"}), "us-east-1", "s3.us-east-1.amazonaws.com")
	f(amazon(map[string]any{"region": "cn-north-1"}), "cn-north-1", "")
	f(s3(map[string]any{"region": "us-east-1"}), "us-east-1", "")
	home := amazon(map[string]any{"region": "us-east-1"})
	home.Region = "us-east-1"
	f(home, "", "s3.amazonaws.com")
	// Registered by hand with the region, which the service took.
	by := having("s3", "bucket", "snaps", "region", "us-east-1", "role_arn", "arn:aws:iam::1:role/snap", "server_side_encryption", "true")
	if err := snapshotpath.Register(t.Context(), by, home); err != nil || by.writes != 0 {
		t.Errorf("registered by hand: got %v and %d writes", err, by.writes)
	}
}

// TestWrongSettings names the key that is wrong before an engine is asked.
func TestWrongSettings(t *testing.T) {
	f := func(r snapshotpath.Repository, key string, says ...string) {
		t.Helper()
		g := &registry{}
		err := snapshotpath.Register(t.Context(), g, r)
		if key == "" && len(says) == 0 {
			if err != nil {
				t.Errorf("%s with %v: got %v, want it taken", r.Type, r.Settings, err)
			}
			return
		}
		wrong, ok := errors.AsType[*snapshotpath.SettingError](err)
		if !ok || wrong.Key != key || g.writes != 0 {
			t.Errorf("%s: got %v and %d writes, want setting %q refused", r.Type, err, g.writes, key)
			return
		}
		advised(t, err)
		for _, word := range says {
			if !strings.Contains(wrong.Error()+" "+wrong.NextStep(), word) {
				t.Errorf("got %q, next %q, want it to say %q", wrong, wrong.NextStep(), word)
			}
		}
	}
	of := func(kind string, pairs ...any) snapshotpath.Repository {
		settings := map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			settings[fmt.Sprint(pairs[i])] = pairs[i+1]
		}
		return snapshotpath.Repository{Name: "ferry", Type: kind, Settings: settings}
	}
	f(s3(nil), "")
	f(s3(map[string]any{"access_key": secret, "secret_key": secret}), "")
	f(s3(map[string]any{"bucket": ""}), "bucket", "needs it")
	f(s3(map[string]any{"bucket": "s3://snaps"}), "bucket", "bare name")
	f(s3(map[string]any{"bucket": "snaps/deep"}), "bucket", "base_path")
	f(s3(map[string]any{"base_path": "/deep"}), "base_path", "slash")
	f(s3(map[string]any{"access_key_id": secret}), "access_key_id", "access_key ")
	f(s3(map[string]any{"role_arn": "arn:aws:iam::1:role/snap"}), "role_arn", "elasticsearch 7.10", "keystore")
	f(s3(map[string]any{"remote_store_index_shallow_copy": true}), "remote_store_index_shallow_copy", "references")
	f(s3(map[string]any{"readonly": true}), "readonly", "source")
	f(amazon(nil), "")
	f(amazon(map[string]any{"role_arn": ""}), "role_arn", "missing")
	f(amazon(map[string]any{"role_arn": "snap"}), "role_arn", "arn:aws:iam")
	f(amazon(map[string]any{"access_key": secret}), "access_key", "role_arn")
	unsigned := amazon(nil)
	unsigned.Signed = false
	f(unsigned, "role_arn", "auth.sigv4")
	serverless := amazon(nil)
	serverless.Keeper = snapshotpath.Serverless
	f(serverless, "", "stream")
	disk := of("fs", "location", "/a")
	disk.Keeper = snapshotpath.Amazon
	f(disk, "", "type: s3")
	f(oss(nil), "")
	f(oss(map[string]any{"endpoint": nil}), "endpoint", "oss")
	f(oss(map[string]any{"secret_access_key": ""}), "secret_access_key")
	f(oss(map[string]any{"access_key": secret}), "access_key", "access_key_id")
	f(oss(map[string]any{"access_key_id": "", "secret_access_key": "", "ecs_ram_role": "role"}), "")
	f(of("fs"), "location")
	f(of("fs", "path", "/a"), "location")
	f(of("source", "delegate_type", "fs", "location", "/a"), "", "search structures")
	f(of("url", "url", "file:/a"), "", "only be read")
	f(of("gcs"), "bucket")
	f(of("gcs", "bucket", "snaps", "client", "two"), "")
	f(of("azure", "container", "snaps"), "")
	f(of("hdfs", "uri", "hdfs://name:8020"), "path")
	f(of("hdfs", "uri", "hdfs://name:8020", "path", "a", "conf.dfs.x", "1"), "")
}

func TestKeeperOf(t *testing.T) {
	f := func(url, service string, want snapshotpath.Keeper) {
		t.Helper()
		if got := snapshotpath.KeeperOf([]string{url}, service); got != want {
			t.Errorf("%s signed for %q: got %q, want %q", url, service, got, want)
		}
	}
	f("http://127.0.0.1:9200", "", snapshotpath.Operator)
	f("http://127.0.0.1:9200", "es", snapshotpath.Amazon)
	f("http://127.0.0.1:9200", "aoss", snapshotpath.Serverless)
	f("https://vpc-logs-x.ap-northeast-1.es.amazonaws.com", "", snapshotpath.Amazon)
	f("https://x.us-east-1.aoss.amazonaws.com:443", "", snapshotpath.Serverless)
	f("https://es-cn-x.elasticsearch.aliyuncs.com:9200", "", snapshotpath.Alibaba)
	f("https://x.eu-west-1.aws.found.io:9243", "", snapshotpath.ElasticCloud)
	f("https://es.amazonaws.com.evil.example", "", snapshotpath.Operator)
}

// advised wants a next step with an error, and no secret in either.
func advised(t *testing.T, err error) {
	t.Helper()
	next, ok := err.(interface{ NextStep() string })
	if !ok || next.NextStep() == "" {
		t.Errorf("%v: no next step", err)
	} else if strings.Contains(err.Error()+next.NextStep(), secret) {
		t.Errorf("a secret is in %q", err)
	}
}
