package metadata

import (
	"encoding/json"
	"slices"
	"strings"

	"esferry/internal/cluster"
)

// OnTarget is what the target has under an index's name.
type OnTarget struct {
	Name string
	// Definition is nil where there is no such index.
	Definition *cluster.Definition
	// Filling says that a ferry is still carrying documents into it, and holds
	// some of its settings back.
	Filling bool
}

// Index compares an index's settings, mappings and aliases, translated, with
// what the target has.
func Index(here cluster.Definition, from, to cluster.Identity, there OnTarget) Piece {
	p := Piece{Kind: KindIndex, Name: here.Index, Verdict: Missing}
	if there.Name != here.Index {
		p.Target = there.Name
	}
	t := &translation{where: here.Index, from: from, to: to}
	settings := t.settings(here.Settings)
	mappings, _ := t.mappings(here.Mappings)
	_, notes, err := AliasActions(here.Index, here.Aliases, to)
	if err != nil {
		t.note(Obstacle, "aliases", "%v", err)
	}
	p.Notes = slices.Concat(t.notes, notes)
	switch {
	case len(Obstacles(p.Notes)) > 0:
		p.Verdict = NotCarried
		return p
	case there.Definition == nil:
		return p
	}
	settings = t.room(settings, mappings)
	p.Differences = append(t.settingsApart(here, settings, there), differences("mappings", plainFields(mappings), plainFields(there.Definition.Mappings))...)
	p.Differences = append(p.Differences, differences("aliases", present(here.Aliases), present(there.Definition.Aliases))...)
	if p.Verdict = Same; len(p.Differences) > 0 {
		p.Verdict = Differs
	}
	return p
}

// settingsApart compares settings: those that operators set, and those that a
// ferry puts back only once it has done so.
func (t *translation) settingsApart(here cluster.Definition, translated json.RawMessage, there OnTarget) []Difference {
	want, has := newObject(), newObject()
	for _, side := range []struct {
		to  *object
		raw json.RawMessage
	}{{want, translated}, {has, there.Definition.Settings}} {
		all, err := readSettings(side.raw)
		if err != nil {
			return []Difference{{Path: "settings", Source: translated, Target: there.Definition.Settings}}
		}
		if !t.to.AtLeast(6, 0) {
			all = foldArrays(all)
		}
		for _, s := range all {
			if !internal(s.key) && !apart(s.key) && t.bound(s.key, s.value) == "" {
				side.to.set(s.key, s.value)
			}
		}
	}
	for _, chosen := range []string{"index.number_of_routing_shards", "index.replication.type"} {
		if !want.has(chosen) {
			// Nobody set it on the source; esferry and OpenSearch choose one.
			has.drop(chosen)
		}
	}
	if !there.Filling {
		t.putBack(want, here.Settings)
		t.putBack(has, there.Definition.Settings)
	}
	return differences("settings", want.encode(), has.encode())
}

// putBack adds the settings that a ferry takes off for the time it carries.
func (t *translation) putBack(to *object, raw json.RawMessage) {
	all, err := readSettings(raw)
	if err != nil {
		return // told by the one who read them first
	}
	for _, s := range all {
		if since, ok := apartSince(s.key); ok && t.to.AtLeast(since.Major, since.Minor) {
			to.set(s.key, s.value)
		}
	}
}

// present makes an alias of which nothing more is said something that is there.
func present(aliases json.RawMessage) json.RawMessage {
	o, err := readObject(aliases)
	if err != nil {
		return aliases
	}
	o.each(func(_ string, value json.RawMessage) json.RawMessage {
		if blank(value) {
			return json.RawMessage("true")
		}
		return value
	})
	return o.encode()
}

// DataStream refuses a stream by name.
func DataStream(name string) Piece {
	return leftBehind(KindDataStream, name, "its indices take no versions from outside: carry it by snapshot and restore, naming the stream (esferry snapshot create, esferry restore), while its writers rest")
}

// LeftOut names a hidden or system index that is not among those to go.
func LeftOut(name string) Piece {
	why := "it is hidden; name it under indices.include to carry it"
	for _, feature := range []string{".security", ".kibana", ".tasks", ".watches", ".ml-", ".monitoring", ".async-search", ".fleet", ".geoip", ".opendistro", ".opensearch", ".plugins", ".apm", ".transform", ".ent-search", ".snapshot", ".ltrstore"} {
		if strings.HasPrefix(name, feature) {
			why = "it belongs to a feature of the source's cluster, and the target's has its own"
		}
	}
	return leftBehind(KindIndex, name, why)
}

// Closed refuses an index that can be neither read nor compared.
func Closed(name string) Piece {
	return leftBehind(KindIndex, name, "it is closed on the source: open it, or put it under indices.exclude")
}

func leftBehind(kind cluster.MetadataKind, name, why string) Piece {
	return Piece{Kind: kind, Name: name, Verdict: NotCarried, Notes: []Note{{Level: Dropped, Where: Piece{Kind: kind, Name: name}.Title(), Path: "definition", Reason: why}}}
}
