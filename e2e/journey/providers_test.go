package journey_test

import (
	"fmt"
	"strings"
	"testing"

	"esferry/internal/corpus"
	"esferry/internal/lab"
)

// TestBetweenProviders goes from provider to provider, each with keys of its
// own: both engines write and read their repositories over S3, esferry carries
// one bucket to the other, and documents change until the freeze. The
// repositories lie below a path that differs. The indices are of all shapes.
func TestBetweenProviders(t *testing.T) {
	t.Parallel()
	l := lab.For(t)
	from := newStation(t, l, "old", lab.Spec{Engine: lab.OS38}, true)
	to := newStation(t, l, "new", lab.Spec{Engine: lab.OS38}, true)
	cargoes := shapes(t)
	include := make([]string, len(cargoes))
	names := make([]string, len(cargoes))
	for i, one := range cargoes {
		include[i], names[i] = fmt.Sprintf("%q", one.name), one.name
	}
	indices := "include: [" + strings.Join(include, ", ") + ", empty, closed]"
	p, yaml := route(t, "providers", from.onS3(t, "old-snaps", ""), to.onS3(t, "new-snaps", "moved/here"), indices)
	p.load(t, append(cargoes, logs("closed", 10), cargo{name: "empty", shards: 2, docs: corpus.Of()})...)

	call(t, "POST", p.source.URL()+"/closed/_close", "")
	if o := esferry(t, "run", "-c", yaml).want(t, 1); !strings.Contains(o.stderr, "closed") || !strings.Contains(o.stderr, "indices.exclude") {
		t.Errorf("got %s, want the closed index and the way out named", o.stderr)
	}
	if got := call(t, "GET", p.target.URL()+"/_cat/indices", ""); strings.TrimSpace(got) != "" {
		t.Errorf("it was refused, and yet something is on the target: %s", got)
	}
	edit(t, yaml, "empty, closed]", "empty]")

	stop := p.writing(t, 100, "code", "logs-a")
	mustGoBySnapshot(t, yaml, "code", "empty", "hostile", "logs-a", "sparse")
	esferry(t, "run", "--json", "-c", yaml).want(t, 0)
	o := esferry(t, "run", "--cutover", "--json", "-c", yaml).want(t, 0)
	t.Logf("freeze %.2f s; writer %+v", *o.summary(t).FreezeSeconds, stop())
	checkSummary(t, o.summary(t), len(cargoes)+1, "snapshot")
	p.mustBeEqual(t, names...)
	if got := call(t, "GET", p.target.URL()+"/empty/_count", ""); !strings.Contains(got, `"count":0,`) {
		t.Errorf("the empty index: got %s", got)
	}
	esferry(t, "verify", "-c", yaml).want(t, 0)
}

// shapes are indices large and small: many at once, more shards than documents,
// and names with all that is allowed in one.
func shapes(t *testing.T) []cargo {
	t.Helper()
	few := func(name string, shards, n int) cargo {
		c := logs(name, n)
		c.shards = shards
		return c
	}
	cargoes := []cargo{
		library(t, 2000), logs("logs-a", 1000),
		{name: "hostile", mapping: corpus.HostileMapping, shards: 3, docs: portable(corpus.Hostile())},
		few("sparse", 5, 2), few("žluť-日本語+a~b!c@d$e%f&g(h)=i;j'k^l.m_n%2f", 1, 20), few(strings.Repeat("x", 255), 1, 20),
	}
	for i := range 20 {
		cargoes = append(cargoes, few(fmt.Sprintf("many-%02d", i), 1, 5))
	}
	return cargoes
}
