package repository_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"esferry/internal/lab/faultcase"
	"esferry/internal/lab/faults"
	"esferry/snapshotpath/bucket"
)

func TestForeignTargets(t *testing.T) {
	faultcase.Shows(t, 29, "the target's bucket holds somebody else's repository, or a newer one")
	p := newProviders(t)
	f := func(name string, theirs func(), refused bool) {
		t.Helper()
		p.again(t)
		repository(t, p.source, 3, 10)
		theirs()
		before := tree(t, p.target)
		r, err := p.copier().Copy(t.Context())
		foreign := new(bucket.ForeignError)
		if !refused {
			if err != nil || r.Source != r.Target {
				t.Errorf("%s: got %+v, %v", name, r, err)
			}
			return
		}
		if !errors.As(err, &foreign) || foreign.NextStep() == "" {
			t.Errorf("%s: got %v, want it refused", name, err)
		}
		if after := tree(t, p.target); len(after) != len(before) {
			t.Errorf("%s: the target has %d objects now, not %d", name, len(after), len(before))
		}
	}
	f("empty", func() {}, false)
	f("an older state of ours", func() { root(t, p.target, 2, "uuid-of-zero", "uuid-of-one") }, false)
	f("no snapshot", func() { root(t, p.target, 2) }, false)
	f("a higher generation", func() { root(t, p.target, 4, "uuid-of-one") }, true)
	f("unknown snapshots", func() { root(t, p.target, 2, "uuid-of-theirs") }, true)
	f("unknown snapshots, our generation", func() { root(t, p.target, 3, "uuid-of-theirs") }, true)
	f("another uuid", func() {
		file(t, p.source, "index-3", `{"uuid":"a","snapshots":[{"name":"n","uuid":"uuid-of-one"}]}`)
		file(t, p.target, "index-2", `{"uuid":"b","snapshots":[{"name":"n","uuid":"uuid-of-one"}]}`)
	}, true)
	f("the same uuid, all snapshots deleted since", func() {
		file(t, p.source, "index-3", `{"uuid":"a","snapshots":[{"name":"n","uuid":"uuid-of-one"}]}`)
		file(t, p.target, "index-2", `{"uuid":"a","snapshots":[{"name":"n","uuid":"uuid-of-zero"}]}`)
	}, false)
	f("Elasticsearch 2, ours", func() {
		file(t, p.source, "index", `{"snapshots":["one","two"]}`)
		file(t, p.target, "index", `{"snapshots":["one"]}`)
		if err := os.Remove(filepath.Join(p.source, "index-3")); err != nil {
			t.Fatal(err)
		}
	}, false)
	f("Elasticsearch 2, theirs", func() {
		file(t, p.source, "index", `{"snapshots":["one","two"]}`)
		file(t, p.target, "index", `{"snapshots":["three"]}`)
		if err := os.Remove(filepath.Join(p.source, "index-3")); err != nil {
			t.Fatal(err)
		}
	}, true)
}

func TestContentsFindsWhatDiffers(t *testing.T) {
	faultcase.Shows(t, 30, "one byte of a blob, a blob cut short, a blob gone")
	p := newProviders(t)
	blobs := repository(t, p.source, 3, 100, 200, 300, 12*mega)
	if _, err := p.copier().Copy(t.Context()); err != nil {
		t.Fatal(err)
	}
	found, err := p.copier().Contents(t.Context())
	if err != nil || len(found.Differences) > 0 || found.Source != found.Equal || found.Source.Objects != 7 {
		t.Fatalf("equal: got %+v, %v", found, err)
	}
	// One byte flipped, one cut short, one gone.
	for i, spoil := range []func(path string) error{
		func(path string) error {
			text, err := os.ReadFile(path)
			text[7] ^= 1
			return errors.Join(err, os.WriteFile(path, text, 0o666))
		},
		func(path string) error { return os.Truncate(path, 7) },
		os.Remove,
		func(path string) error {
			text, err := os.ReadFile(path)
			text[12*mega-1] ^= 0x80
			return errors.Join(err, os.WriteFile(path, text, 0o666))
		},
	} {
		if err := spoil(filepath.Join(p.target, blobs[i])); err != nil {
			t.Fatal(err)
		}
	}
	found, err = p.copier().Contents(t.Context())
	var names []string
	for _, d := range found.Differences {
		names = append(names, d.Key)
	}
	slices.Sort(blobs)
	if err != nil || !slices.Equal(names, blobs) || found.Equal.Objects != 3 {
		t.Errorf("got %v, %v, want %v", names, err, blobs)
	}
}

// TestETagsThatAreNoHashes: objects under KMS keys have others at each write.
func TestETagsThatAreNoHashes(t *testing.T) {
	faultcase.Shows(t, 30, "ETags that are no hashes")
	p := newProviders(t)
	blob := repository(t, p.source, 3, 100)[0]
	if _, err := p.copier().Copy(t.Context()); err != nil {
		t.Fatal(err)
	}
	encrypted := false
	spoil := func(to, etag string) faults.Hook {
		return func(w http.ResponseWriter, r *http.Request) bool {
			switch {
			case r.Method == http.MethodHead && encrypted:
				w.Header().Set("X-Amz-Server-Side-Encryption", "aws:kms")
				w.Header().Set("Content-Length", "100")
				return true
			case r.URL.Query().Get("list-type") != "2":
				return false
			}
			answer := httptest.NewRecorder()
			pass(t, to, r, answer)
			before, after, _ := strings.Cut(answer.Body.String(), blob)
			head, rest, _ := strings.Cut(after, "</Contents>")
			head = regexp.MustCompile(`<ETag>[^<]*</ETag>`).ReplaceAllString(head, "") + "<ETag>" + etag + "</ETag>"
			w.Header().Set("Content-Type", "application/xml")
			fmt.Fprint(w, before+blob+head+"</Contents>"+rest)
			return true
		}
	}
	p.fromWire.On(spoil(p.from.URL, strings.Repeat("a", 32)))
	p.toWire.On(spoil(p.to.URL, strings.Repeat("b", 32)))
	f := func(kms bool, want int64) {
		t.Helper()
		encrypted = kms
		plan, err := p.copier().Plan(t.Context())
		if err != nil || int64(len(plan.Copy[bucket.Blobs])) != want {
			t.Errorf("KMS %v: got %v to copy, %v, want %d", kms, plan.Copy[bucket.Blobs], err, want)
		}
	}
	f(false, 1)
	f(true, 0)
}

// TestListingsThatAreNotSorted: pages that repeat a key, and objects in any order.
func TestListingsThatAreNotSorted(t *testing.T) {
	faultcase.Shows(t, 30, "listings that repeat keys, or are not sorted")
	p := newProviders(t)
	repository(t, p.source, 3, slices.Repeat([]int{10}, 50)...)
	entry := regexp.MustCompile(`(?s)<Contents>.*?</Contents>`)
	p.fromWire.On(func(w http.ResponseWriter, r *http.Request) bool {
		if q := r.URL.Query(); q.Get("list-type") != "2" || q.Has("delimiter") {
			return false
		}
		answer := httptest.NewRecorder()
		pass(t, p.from.URL, r, answer)
		text := answer.Body.String()
		found := entry.FindAllString(text, -1)
		rand.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
		begin, end := strings.Index(text, "<Contents>"), strings.LastIndex(text, "</Contents>")+len("</Contents>")
		w.Header().Set("Content-Type", "application/xml")
		fmt.Fprint(w, text[:begin], strings.Join(append(found, found[:len(found)/2]...), ""), text[end:])
		return true
	})
	if r, err := p.copier().Copy(t.Context()); err != nil || r.Source.Objects != 53 || r.Source != r.Target {
		t.Fatalf("got %+v, %v", r, err)
	}
	p.equalTrees(t)
}

func TestArchivedObjectsAreNamedBeforeAnythingIsCopied(t *testing.T) {
	faultcase.Shows(t, 31, "an object in an archive tier")
	p := newProviders(t)
	blobs := repository(t, p.source, 3, 10, 20, 30)
	// The gateway has no classes: its listing is given one.
	p.fromWire.On(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("list-type") != "2" {
			return false
		}
		answer := httptest.NewRecorder()
		pass(t, p.from.URL, r, answer)
		before, after, found := strings.Cut(answer.Body.String(), blobs[1])
		if !found {
			t.Errorf("%s is not listed", blobs[1])
		}
		text := before + blobs[1] + strings.Replace(after, "<StorageClass>STANDARD<", "<StorageClass>DEEP_ARCHIVE<", 1)
		w.Header().Set("Content-Type", "application/xml")
		fmt.Fprint(w, text)
		return true
	})
	_, err := p.copier().Copy(t.Context())
	archived := new(bucket.ArchivedError)
	if !errors.As(err, &archived) || archived.Class != "DEEP_ARCHIVE" || !strings.Contains(err.Error(), blobs[1]) || !strings.Contains(archived.NextStep(), "restore") {
		t.Errorf("got %v", err)
	}
	if n := len(tree(t, p.target)); n > 0 {
		t.Errorf("%d objects were copied", n)
	}
}
