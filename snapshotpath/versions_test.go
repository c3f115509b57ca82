package snapshotpath_test

import (
	"os"
	"strconv"
	"strings"
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
	open := func(v string) cluster.Identity { return engine(cluster.OpenSearch, v) }
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
	f("7100299", es("7.10.2"), open("2.19.1"), true)
	f("7100299", es("7.10.2"), open("1.3.0"), true)
	f("7100299", es("7.10.2"), open("3.8.0"), false)
	f("6082399", es("7.10.2"), open("2.19.1"), false)
	f("7172899", es("7.17.28"), open("2.19.1"), false)
	f("136408127", open("2.19.1"), open("3.8.0"), true)
	f("136408127", open("2.19.1"), open("2.11.0"), false)
	f("7100299", open("2.19.1"), open("3.8.0"), false)
	f("136408127", open("2.19.1"), es("8.19.0"), false)
	f("6082399", es("6.8.23"), open("1.3.20"), true)
	f("6082399", open("1.3.20"), open("2.19.1"), false)
	f("5061699", es("6.8.23"), open("1.3.20"), false)
	// The number that Amazon's OpenSearch gives when it poses as Elasticsearch.
	f("135248027", es("7.10.2"), open("2.19.1"), true)
	f("7100299", es("7.17.28"), open("2.19.1"), false)
	f("8536000", es("8.19.0"), es("9.0.0"), true)
	f("9009000", es("9.0.0"), es("9.0.0"), true)
	f("9009000", es("9.1.0"), es("9.0.0"), false)
	f("9009000", es("9.0.0"), es("10.0.0"), false)
	f("", es("7.10.2"), es("7.10.2"), false)
	f("soon", es("7.10.2"), es("7.10.2"), false)
}

// TestDocumentedTable holds docs/versions.md against the code, cell by cell.
func TestDocumentedTable(t *testing.T) {
	text, err := os.ReadFile("../docs/versions.md")
	if err != nil {
		t.Fatal(err)
	}
	var targets []cluster.Identity
	cells := 0
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		switch {
		case len(fields) < 3 || strings.Contains(line, "---"):
		case targets == nil:
			product := cluster.Elasticsearch
			for _, name := range fields[1:] {
				target := named(t, product, name)
				targets, product = append(targets, target), target.Product
			}
		default:
			maker := named(t, "", fields[0])
			for i, cell := range fields[1:] {
				cells++
				ok, reason := snapshotpath.CanRestore(created(maker), posing(maker, targets[i]), targets[i])
				if want := strings.TrimSpace(cell) == "yes"; ok != want {
					t.Errorf("made by %s, to %s: got %t because %q, but the document says %t", maker, targets[i], ok, reason, want)
				}
			}
		}
	}
	if cells != 90 {
		t.Errorf("got %d cells in the document, want 90", cells)
	}
}

// named reads "Elasticsearch 5", or "5" after another one of its product.
func named(t *testing.T, product, text string) cluster.Identity {
	t.Helper()
	words := strings.Fields(strings.ToLower(text))
	if len(words) == 2 {
		product = words[0]
	}
	major, err := strconv.Atoi(words[len(words)-1])
	if err != nil {
		t.Fatal(err)
	}
	return cluster.Identity{Product: product, Version: cluster.Version{Major: major}}
}

// created gives the id of an index that an engine made.
func created(maker cluster.Identity) string {
	id := maker.Version.Major * 1000000
	if maker.Product == cluster.OpenSearch {
		id |= 0x08000000
	}
	return strconv.Itoa(id)
}

// posing gives a source that no rule but the table is about: the maker itself,
// or the target where the maker would be too new.
func posing(maker, target cluster.Identity) cluster.Identity {
	if maker.Product == target.Product && maker.Version.Major > target.Version.Major {
		return target
	}
	return maker
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
