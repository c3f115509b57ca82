package journey_test

import (
	"testing"

	"esferry/internal/corpus"
	"esferry/internal/lab"
)

// TestBetweenProviders goes from provider to provider, each with keys of its
// own: both engines write and read their repositories over S3, esferry carries
// one bucket to the other, and documents change until the freeze. The
// repositories lie below a path that differs.
func TestBetweenProviders(t *testing.T) {
	l := lab.For(t)
	from := newStation(t, l, "old", lab.Spec{Engine: lab.OS38}, true)
	to := newStation(t, l, "new", lab.Spec{Engine: lab.OS38}, true)
	p, yaml := route(t, "providers", from.onS3(t, "old-snaps", ""), to.onS3(t, "new-snaps", "moved/here"), `include: ["code", "hostile", "logs-*"]`)
	p.load(t, library(t, 3000), logs("logs-a", 2000), cargo{name: "hostile", mapping: corpus.HostileMapping, shards: 3, docs: portable(corpus.Hostile())})
	stop := p.writing(t, 100, "code", "logs-a")
	mustGoBySnapshot(t, yaml, "code", "hostile", "logs-a")
	esferry(t, "run", "--json", "-c", yaml).want(t, 0)
	o := esferry(t, "run", "--cutover", "--json", "-c", yaml).want(t, 0)
	t.Logf("freeze %.2f s; writer %+v", *o.summary(t).FreezeSeconds, stop())
	checkSummary(t, o.summary(t), 3, "snapshot")
	p.mustBeEqual(t, "code", "hostile", "logs-a")
	esferry(t, "verify", "-c", yaml).want(t, 0)
}
