package journey_test

import (
	"fmt"
	"strings"
	"testing"

	"esferry/internal/corpus"
	"esferry/internal/lab"
)

// TestChain takes documents from the oldest engine to the newest by snapshots
// alone. An engine restores what its own major version or the one before made,
// and a restored index keeps the version that it was made by. So at each stop
// every document is compared, and then copied by the engine itself into an index
// that it makes, which the next one restores. In the end the newest engine is
// compared with the oldest, which is there all the while.
func TestChain(t *testing.T) {
	t.Parallel()
	l := lab.For(t)
	origin := newStation(t, l, "origin", lab.Spec{Engine: lab.ES24}, true)
	cargoes := []cargo{
		library(t, 1500), logs("logs-a", 1000),
		{name: "hostile", mapping: corpus.HostileMapping, shards: 3, docs: portable(corpus.Hostile())},
		{name: "family", mapping: corpus.FamilyMappings, shards: 2, docs: corpus.Family(100)},
	}
	first := &pair{source: origin.Cluster}
	first.load(t, cargoes[:3]...)
	origin.fillFamily(t, cargoes[3])
	stop := first.writing(t, 50, "code", "logs-a", "family")

	c := chain{here: origin.onS3(t, "old-snaps", "es/2.4"), cargoes: cargoes}
	es56 := newStation(t, l, "es56", lab.Spec{Engine: lab.ES56}, false)
	c.hop(t, es56)
	t.Logf("writer %+v", stop())
	c.remake(t)
	// One provider for both: it copies by itself.
	var w watched
	es68 := neighbour(t, l, "es68", lab.Spec{Engine: lab.ES68}, es56.s3)
	es68.s3 = w.watch(t, es56.s3)
	c.here.s3 = es68.s3
	c.hop(t, es68)
	if w.copied.Load() == 0 || w.read.Load() > 0 {
		t.Errorf("within one provider %d objects were copied there and %d went through esferry", w.copied.Load(), w.read.Load())
	}
	// No engine after this one restores an index of several types, and this one
	// makes none.
	c.cargoes = c.cargoes[:3]
	for _, engine := range []lab.Engine{lab.ES710, lab.OS219} {
		c.remake(t)
		c.hop(t, newStation(t, l, strings.Map(letters, string(engine)), lab.Spec{Engine: engine}, false))
	}
	c.remake(t)
	c.hop(t, newStation(t, l, "newest", lab.Spec{Engine: lab.OS38}, true))
	for _, one := range c.cargoes {
		mustBeSame(t, origin.Cluster, c.here.at.Cluster, one.name, one.name)
	}
}

// chain is a journey of several hops.
type chain struct {
	// here is where the cargoes are.
	here    stop
	cargoes []cargo
	// made says that this engine has made indices of its own, named so.
	made bool
	hops int
}

const own = "own-"

// name is that of the index that goes on from here.
func (c *chain) name(one cargo) string {
	if c.made {
		return own + one.name
	}
	return one.name
}

// hop moves the cargoes to the next station, each under its first name, and
// stops the last one, unless it is the origin.
func (c *chain) hop(t *testing.T, next station) {
	t.Helper()
	last := c.here.at
	to := next.onDisk(t, next.Name+"-arrived", "")
	if next.Engine == lab.OS38 {
		to = next.onS3(t, next.Name+"-arrived", "deep/er")
	}
	var names, renames []string
	for _, one := range c.cargoes {
		names = append(names, c.name(one))
		renames = append(renames, fmt.Sprintf("%s: %s", c.name(one), one.name))
	}
	indices := "include: [" + strings.Join(names, ", ") + "]"
	if c.made {
		indices += ", rename: {" + strings.Join(renames, ", ") + "}"
	}
	c.hops++
	if c.made {
		// What this engine has only restored is too old for the next.
		_, yaml := route(t, fmt.Sprintf("too-old-%d", c.hops), c.here, to, "include: ["+c.cargoes[0].name+"]")
		checkPlan(t, yaml, "stream")
	}
	_, yaml := route(t, fmt.Sprintf("hop-%d", c.hops), c.here, to, indices)
	mustGoBySnapshot(t, yaml, names...)
	o := esferry(t, "run", "--cutover", "--json", "-c", yaml).want(t, 0)
	checkSummary(t, o.summary(t), len(names), "snapshot")
	for i, one := range c.cargoes {
		mustBeSame(t, last.Cluster, next.Cluster, names[i], one.name)
	}
	if c.made {
		if err := last.Stop(); err != nil {
			t.Error(err)
		}
	}
	c.here, c.made = next.onDisk(t, next.Name+"-onward", ""), false
}

// remake copies what was restored into indices that this engine makes, with
// ids, routings, versions and the bytes of the sources.
func (c *chain) remake(t *testing.T) {
	t.Helper()
	at := c.here.at
	e := at.opened(t)
	if at.Engine == lab.ES710 || at.Engine == lab.OS219 {
		// From 7 on an index puts documents into other shards than before, unless
		// told not to. Two that share an id under two routings would meet.
		call(t, "PUT", at.URL()+"/_template/same-shards", `{"index_patterns":["`+own+`hostile"],"settings":{"index.number_of_routing_shards":3}}`)
	}
	kind := ""
	if at.Engine == lab.ES68 {
		// Its own name for the one type of an index is not that of 5.6.
		kind = `"type":"_doc",`
	}
	for _, one := range c.cargoes {
		create := e.Create
		if one.name == "family" {
			create = e.CreateTypes
		}
		if err := create(t.Context(), own+one.name, one.shards, one.mapping); err != nil {
			t.Fatal(err)
		}
		answer := call(t, "POST", at.URL()+"/_reindex?refresh=true", fmt.Sprintf(
			`{"source":{"index":%q,"size":100},"dest":{%s"index":%q,"version_type":"external"}}`, one.name, kind, own+one.name))
		if !strings.Contains(answer, `"failures":[]`) {
			t.Fatalf("copy %s within %s: %s", one.name, at.Engine, tail(answer))
		}
		mustBeSame(t, at.Cluster, at.Cluster, one.name, own+one.name)
	}
	c.made = true
}

// portable leaves out the documents that the newer engines refuse, and those of
// 10 MB, whose sizes TestJourney carries.
func portable(docs corpus.Docs) corpus.Docs {
	return func(yield func(corpus.Doc, error) bool) {
		for d, err := range docs {
			if d.Optional || len(d.Source) > 2<<20 {
				continue
			}
			if !yield(d, err) {
				return
			}
		}
	}
}

// fillFamily makes an index of two types.
func (s station) fillFamily(t *testing.T, c cargo) {
	t.Helper()
	e := s.opened(t)
	if err := e.CreateTypes(t.Context(), c.name, c.shards, c.mapping); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Load(t.Context(), c.name, c.docs); err != nil {
		t.Fatal(err)
	}
}

// mustBeSame compares every document of two indices.
func mustBeSame(t *testing.T, source, target *lab.Cluster, from, to string) {
	t.Helper()
	d, err := lab.Compare(t.Context(), source.URL(), target.URL(), from, to)
	if err != nil {
		t.Fatal(err)
	}
	if !d.Equal() || d.Source == 0 {
		t.Errorf("index %s of %s and %s of %s: %s", from, source.Engine, to, target.Engine, d)
	}
	t.Logf("index %s of %s and %s of %s: %s", from, source.Engine, to, target.Engine, d)
}
