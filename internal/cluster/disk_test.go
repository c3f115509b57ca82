package cluster_test

import (
	"testing"

	"esferry/internal/cluster"
)

func TestWatermarks(t *testing.T) {
	const gib = int64(1) << 30
	f := func(settings string, total, free int64, wantLow, wantHigh bool) {
		t.Helper()
		c := answering(t, fixed(200, settings))
		low, high, err := c.Watermarks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		d := cluster.Disk{Node: "n", Total: total, Free: free}
		if low.Over(d) != wantLow || high.Over(d) != wantHigh {
			t.Errorf("%s, %d of %d free: got %v and %v, want %v and %v", settings, free, total, low.Over(d), high.Over(d), wantLow, wantHigh)
		}
	}
	at := func(layer, watermark string) string {
		return `{"` + layer + `":{"cluster":{"routing":{"allocation":{"disk":{"watermark":` + watermark + `}}}}}}`
	}
	f(`{}`, 100*gib, 16*gib, false, false)
	f(`{}`, 100*gib, 14*gib, true, false)
	f(`{}`, 100*gib, 9*gib, true, true)
	f(at("defaults", `{"low":"0.5","high":"60%","flood_stage":{"frozen":"x"}}`), 100*gib, 45*gib, true, false)
	f(at("transient", `{"low":"50gb","high":"20gb"}`), 1000*gib, 30*gib, true, false)
	// Large disks: what stays free is enough, whatever the share.
	f(at("defaults", `{"low":"85%","low.max_headroom":"200GB","high":"90%","high.max_headroom":"150GB"}`), 10_000*gib, 180*gib, true, false)
	f(at("defaults", `{"low":"85%","low.max_headroom":"-1","high":"90%"}`), 10_000*gib, 1200*gib, true, false)

	c := answering(t, fixed(200, at("persistent", `{"low":"much"}`)))
	if _, _, err := c.Watermarks(t.Context()); err == nil {
		t.Error("got no error for a watermark that cannot be read")
	}
}

func TestDisks(t *testing.T) {
	c := answering(t, fixed(200, `{"_nodes":{"failed":0},"nodes":{
		"a":{"name":"hot","roles":["data_hot","ingest"],"fs":{"total":{"total_in_bytes":100,"available_in_bytes":25}}},
		"b":{"name":"master","roles":["master"],"fs":{"total":{"total_in_bytes":100,"available_in_bytes":1}}}}}`))
	disks, err := c.Disks(t.Context())
	if err != nil || len(disks) != 1 || disks[0] != (cluster.Disk{Node: "hot", Total: 100, Free: 25}) || disks[0].Used() != 0.75 {
		t.Errorf("got %+v (%v), want the data node alone", disks, err)
	}
	c = answering(t, fixed(200, `{"_nodes":{"failed":1},"nodes":{"a":{"name":"hot","fs":{"total":{"total_in_bytes":100}}}}}`))
	if disks, err := c.Disks(t.Context()); err == nil {
		t.Errorf("got %+v of a cluster that did not answer in full", disks)
	}
}
