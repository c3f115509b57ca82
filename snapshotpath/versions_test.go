package snapshotpath_test

import (
	"testing"

	"esferry/internal/cluster"
	"esferry/snapshotpath"
)

func TestCanRestore(t *testing.T) {
	engine := func(product, version string) cluster.Identity {
		t.Helper()
		v, err := cluster.ParseVersion(version)
		if err != nil {
			t.Fatal(err)
		}
		return cluster.Identity{Product: product, Version: v}
	}
	es := func(v string) cluster.Identity { return engine(cluster.Elasticsearch, v) }
	os := func(v string) cluster.Identity { return engine(cluster.OpenSearch, v) }
	f := func(created string, source, target cluster.Identity, want bool) {
		t.Helper()
		got, reason := snapshotpath.CanRestore(created, source, target)
		if got != want || reason == "" {
			t.Errorf("created %s, %s to %s: got %t because %q, want %t and a reason", created, source, target, got, reason, want)
		}
	}
	f("6082399", es("6.8.23"), es("7.10.2"), true)
	f("5061699", es("6.8.23"), es("7.10.2"), false)
	f("6082399", es("6.8.23"), es("8.19.0"), false)
	f("2040699", es("2.4.6"), es("5.6.16"), true)
	f("1070699", es("2.4.6"), es("5.6.16"), false)
	f("7172899", es("7.17.28"), es("8.19.0"), true)
	f("8525000", es("8.19.0"), es("9.0.0"), true)
	f("8525000", es("8.19.0"), es("7.17.28"), false)
	f("7172899", es("7.17.28"), es("7.10.2"), false)
	f("7100299", es("7.10.2"), os("2.19.1"), true)
	f("7100299", es("7.10.2"), os("1.3.0"), true)
	f("7100299", es("7.10.2"), os("3.8.0"), false)
	f("6082399", es("7.10.2"), os("2.19.1"), false)
	f("7172899", es("7.17.28"), os("2.19.1"), false)
	f("136408127", os("2.19.1"), os("3.8.0"), true)
	f("136408127", os("2.19.1"), os("2.11.0"), false)
	f("7100299", os("2.19.1"), os("3.8.0"), false)
	f("136408127", os("2.19.1"), es("8.19.0"), false)
	f("", es("7.10.2"), es("7.10.2"), false)
	f("soon", es("7.10.2"), es("7.10.2"), false)
}

func TestRequiredPlugin(t *testing.T) {
	f := func(kind, product string, major int, want string) {
		t.Helper()
		engine := cluster.Identity{Product: product, Version: cluster.Version{Major: major}}
		if got := snapshotpath.RequiredPlugin(kind, engine); got != want {
			t.Errorf("%s on %s: got %q, want %q", kind, engine, got, want)
		}
	}
	f("fs", cluster.OpenSearch, 3, "")
	f("url", cluster.Elasticsearch, 2, "")
	f("s3", cluster.OpenSearch, 3, "repository-s3")
	f("s3", cluster.OpenSearch, 1, "repository-s3")
	f("s3", cluster.Elasticsearch, 5, "repository-s3")
	f("s3", cluster.Elasticsearch, 2, "cloud-aws")
	f("azure", cluster.Elasticsearch, 2, "cloud-azure")
	f("hdfs", cluster.Elasticsearch, 2, "repository-hdfs")
	f("oss", cluster.Elasticsearch, 7, "elasticsearch-repository-oss")
}
