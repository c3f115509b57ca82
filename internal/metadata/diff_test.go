package metadata_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"esferry/internal/cluster"
	"esferry/internal/metadata"
)

// tester is a *testing.T or a *rapid.T.
type tester interface {
	Context() context.Context
	Fatal(args ...any)
	Helper()
}

// compared surveys one pipeline on both sides, and gives its verdict.
func compared(t tester, here, there string) metadata.Piece {
	t.Helper()
	source, target := kept(es("8.19.0"), map[string]string{"ingest_pipeline p": here}), kept(es("8.19.0"), map[string]string{"ingest_pipeline p": there})
	pieces, err := metadata.Survey(t.Context(), source, target)
	if err != nil || len(pieces) != 1 {
		t.Fatal(pieces, err)
	}
	return pieces[0]
}

func TestDifferences(t *testing.T) {
	f := func(here, there, want string) {
		t.Helper()
		if got := fmt.Sprint(compared(t, here, there).Differences); got != want {
			t.Errorf("%s and %s: got %s, want %s", here, there, got, want)
		}
	}
	f(`{"a":1,"b":{"c":[1,{"d":true}]}}`, `{"b":{"c":["1",{"d":"true"}]},"a":1.0}`, "[]")
	f(`{"a":{},"b":[]}`, `{"c":null}`, "[]")
	f(`{"a":1}`, `{"a":{"b":1}}`, `[a: 1 here, {"b":1} on the target]`)
	f(`{"a":{"b":1}}`, `{}`, `[a.b: 1 here, nothing on the target]`)
	f(`{"a":[1,2]}`, `{"a":[2,1]}`, `[a: [1,2] here, [2,1] on the target]`)
	f(`{"a":9007199254740993}`, `{"a":9007199254740992}`, `[a: 9007199254740993 here, 9007199254740992 on the target]`)
	f(`{"a":"x","b":true}`, `{"a":"y"}`, `[a: "x" here, "y" on the target b: true here, nothing on the target]`)
}

// TestSameAsItself: any definition is the same as itself, and not as one that
// says one thing more; in either order.
func TestSameAsItself(t *testing.T) {
	leaf := rapid.OneOf(rapid.Map(rapid.Int(), func(n int) any { return n }), rapid.Map(rapid.String(), func(s string) any { return s }), rapid.Map(rapid.Bool(), func(b bool) any { return b }))
	value := rapid.MapOf(rapid.StringMatching(`[a-z]{1,4}`), rapid.OneOf(leaf, rapid.Map(rapid.SliceOf(leaf), func(s []any) any { return s }), rapid.Map(rapid.MapOf(rapid.StringMatching(`[a-z]{1,4}`), leaf), func(m map[string]any) any { return m })))
	rapid.Check(t, func(t *rapid.T) {
		one := value.Draw(t, "one")
		a := encoded(t, one)
		one["MORE"] = "said"
		b := encoded(t, one)
		if p := compared(t, a, a); p.Verdict != metadata.Same {
			t.Fatalf("%s: %v", a, p.Differences)
		}
		for _, p := range []metadata.Piece{compared(t, a, b), compared(t, b, a)} {
			if p.Verdict != metadata.Differs || len(p.Differences) != 1 || p.Differences[0].Path != "MORE" {
				t.Fatalf("%s and %s: %s %v", a, b, p.Verdict, p.Differences)
			}
		}
	})
}

func encoded(t *rapid.T, v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestIndexPieces(t *testing.T) {
	here := cluster.Definition{
		Index: "i", Settings: json.RawMessage(`{"index.number_of_shards":"1","index.number_of_replicas":"2","index.uuid":"a","index.codec":"best_compression"}`),
		Mappings: json.RawMessage(`{"properties":{"d":{"type":"date","format":"strict_date_optional_time||epoch_millis"}}}`), Aliases: json.RawMessage(`{"a":{}}`),
	}
	there := func(settings, mappings, aliases string) *cluster.Definition {
		return &cluster.Definition{Index: "i", Settings: json.RawMessage(settings), Mappings: json.RawMessage(mappings), Aliases: json.RawMessage(aliases)}
	}
	f := func(on *cluster.Definition, filling bool, verdict metadata.Verdict, differences string) {
		t.Helper()
		p := metadata.Index(here, es("7.10.2"), es("8.19.0"), metadata.OnTarget{Name: "i", Definition: on, Filling: filling})
		if got := fmt.Sprint(p.Differences); p.Verdict != verdict || got != differences {
			t.Errorf("got %s %s, want %s %s", p.Verdict, got, verdict, differences)
		}
	}
	const settings = `{"index.number_of_shards":"1","index.uuid":"b","index.codec":"best_compression","index.routing.allocation.include._tier_preference":"data_content","index.number_of_replicas":"0"}`
	const mappings = `{"properties":{"d":{"type":"date"}}}`
	f(nil, false, metadata.Missing, "[]")
	f(there(settings, mappings, `{"a":{}}`), true, metadata.Same, "[]")
	f(there(settings, mappings, `{"a":{}}`), false, metadata.Differs, `[settings.index.number_of_replicas: "2" here, "0" on the target]`)
	f(there(settings, mappings, `{}`), true, metadata.Differs, `[aliases.a: true here, nothing on the target]`)
	f(there(settings, `{"properties":{"d":{"type":"long"},"e":{"type":"long"}}}`, `{"a":{}}`), true, metadata.Differs,
		`[mappings.properties.d.type: "date" here, "long" on the target mappings.properties.e.type: nothing here, "long" on the target]`)
}

func TestTemplates(t *testing.T) {
	f := func(target *shelf, index, want string) {
		t.Helper()
		got, err := metadata.Templates(t.Context(), target, index)
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: got %v (%v), want %s", index, got, err, want)
		}
	}
	seven := kept(es("7.10.2"), map[string]string{"template t": `{"index_patterns":["logs-*","x"]}`, "index_template u": `{"index_patterns":["*-a"]}`})
	f(seven, "logs-a", "[index_template u template t]")
	f(seven, "x", "[template t]")
	f(seven, "xx", "[]")
	f(kept(es("5.6.16"), map[string]string{"template t": `{"template":"logs-*"}`, "template u": `{"template":"u"}`}), "logs-a", "[template t]")
	if name, body := metadata.Shield("i"); name != "esferry-i" || string(body) != `{"index_patterns":["i"],"priority":9223372036854775807,"template":{}}` {
		t.Errorf("got %s %s", name, body)
	}
}
