package journey_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/zeebo/xxh3"
)

// documents is a count and a digest, as a certificate has them.
type documents struct {
	Docs   int64
	Digest string
}

// certified is one side of an index in a certificate.
type certified struct {
	Index, UUID string
	Count       int64
	Shards      []struct {
		documents
		Term int64
		Max  int64 `json:"max_seq_no"`
	}
}

type certificate struct {
	Level, Command string
	Indices        []struct {
		documents
		Source, Target certified
		Windows        []struct {
			documents
			From uint64 `json:"from_partition"`
		}
	}
}

// checkCertificate has everything certified while nobody writes, and does as a
// third party would: it reads both sides by plain HTTP, and recomputes each
// figure by the words of docs/certificate.md. While the source is ahead there is
// no certificate.
func (p *pair) checkCertificate(t *testing.T, yaml string, indices int) {
	t.Helper()
	path := filepath.Join(p.dir, "equal.json")
	for _, level := range []string{"ids", "content"} {
		esferry(t, "verify", "--level", level, "--certificate", path, "-c", yaml).want(t, 0)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		mustMatchSchema(t, text)
		var c certificate
		decode(t, string(text), &c)
		if len(c.Indices) != indices || c.Level != level || c.Command != "esferry verify --certificate "+path+" --level "+level {
			t.Errorf("got %d indices by %s: %s", len(c.Indices), c.Level, c.Command)
		}
		for _, ix := range c.Indices {
			for url, side := range map[string]certified{p.source.URL(): ix.Source, p.target.URL(): ix.Target} {
				windows := recompute(t, url, side, ix.documents, level == "content")
				for n, w := range ix.Windows {
					if got := windows[n].documents(); got != w.documents || w.From != uint64(256*n) {
						t.Errorf("%s, window %d: got %+v, want %+v", side.Index, n, w.documents, got)
					}
				}
			}
		}
		esferry(t, "verify", "--level", level, "--certificate", path, "-c", yaml).want(t, 2)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	call(t, "PUT", p.source.URL()+"/code/_doc/ahead?refresh=true", `{"name":"ahead"}`)
	o := esferry(t, "verify", "--level", "content", "--certificate", path, "-c", yaml).want(t, 1)
	if _, err := os.Stat(path); err == nil || !strings.Contains(o.stderr, "index code: no certificate is written") || !strings.Contains(o.stderr, "next: stop the writers") {
		t.Errorf("while the source is ahead: got %s and %v, want no certificate", o.stderr, err)
	}
	call(t, "PUT", p.target.URL()+"/hostile/_doc/rogue?refresh=true", `{"name":"rogue"}`)
	esferry(t, "verify", "--level", "content", "--certificate", path, "-c", yaml).want(t, 3)
	call(t, "DELETE", p.target.URL()+"/hostile/_doc/rogue?refresh=true", "")
}

func mustMatchSchema(t *testing.T, text []byte) {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("../../docs/certificate.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Error(err)
	}
}

// pile adds documents' hashes up.
type pile struct {
	docs int64
	sum  big.Int
}

func (p *pile) add(o *pile) {
	p.docs += o.docs
	p.sum.Add(&p.sum, &o.sum)
}

func (p *pile) documents() documents {
	modulus := new(big.Int).Lsh(big.NewInt(1), 128)
	return documents{Docs: p.docs, Digest: fmt.Sprintf("%032x", new(big.Int).Mod(&p.sum, modulus))}
}

// recompute reads a side shard by shard, holds it against the certificate, and
// gives its windows.
func recompute(t *testing.T, url string, side certified, want documents, content bool) (windows [16]pile) {
	t.Helper()
	var all pile
	for number, s := range side.Shards {
		var answer struct {
			Hits struct {
				Hits []struct {
					ID      json.RawMessage `json:"_id"`
					Routing json.RawMessage `json:"_routing"`
					Version uint64          `json:"_version"`
					Source  json.RawMessage `json:"_source"`
				}
			}
		}
		decode(t, call(t, "POST", fmt.Sprintf("%s/%s/_search?size=10000&preference=_shards:%d", url, strings.NewReplacer("{", "%7B", "}", "%7D").Replace(side.Index), number), `{"version":true,"query":{"match_all":{}}}`), &answer)
		var shard pile
		for _, hit := range answer.Hits.Hits {
			hash, key := hashOf(t, hit.ID, hit.Routing, hit.Version, hit.Source, content)
			one := pile{docs: 1, sum: *hash}
			shard.add(&one)
			windows[key%4096/256].add(&one)
		}
		if got := shard.documents(); got != s.documents {
			t.Errorf("%s[%d]: the certificate says %+v, and the documents say %+v", side.Index, number, s.documents, got)
		}
		all.add(&shard)
	}
	if got := all.documents(); got != want || side.Count != want.Docs {
		t.Errorf("%s: the certificate says %+v of %d, and the documents say %+v", side.Index, want, side.Count, got)
	}
	return windows
}

// hashOf is a document's hash, and the upper half of its key's.
func hashOf(t *testing.T, id, routing json.RawMessage, version uint64, source []byte, content bool) (*big.Int, uint64) {
	t.Helper()
	var key []byte
	for _, part := range [][]byte{id, routing, nil} {
		part = spelled(t, part)
		key = append(binary.AppendUvarint(key, uint64(len(part))), part...)
	}
	k, c := xxh3.Hash128(key), xxh3.Uint128{}
	if bytes.ContainsRune(source, '\n') {
		var line bytes.Buffer
		if err := json.Compact(&line, source); err != nil {
			t.Fatal(err)
		}
		source = line.Bytes()
	}
	if content {
		c = xxh3.Hash128(source)
	}
	var whole []byte
	for _, half := range []uint64{k.Hi, k.Lo, version, c.Hi, c.Lo} {
		whole = binary.LittleEndian.AppendUint64(whole, half)
	}
	h := xxh3.Hash128(whole).Bytes()
	return new(big.Int).SetBytes(h[:]), k.Hi
}

// spelled is a JSON string as the words of the page want it.
func spelled(t *testing.T, word []byte) []byte {
	t.Helper()
	if len(word) == 0 {
		return word
	}
	var text string
	if err := json.Unmarshal(word, &text); err != nil {
		t.Fatal(err)
	}
	out := []byte{'"'}
	for _, c := range []byte(text) {
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c < ' ':
			out = fmt.Appendf(out, `\u%04x`, c)
		default:
			out = append(out, c)
		}
	}
	return append(out, '"')
}
