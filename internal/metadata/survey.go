package metadata

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"esferry/internal/cluster"
)

// Cluster is what Survey and Apply ask of an engine.
type Cluster interface {
	Identity() cluster.Identity
	// ListMetadata gives nil where the engine does not have the kind.
	ListMetadata(ctx context.Context, kind cluster.MetadataKind) (map[string]json.RawMessage, error)
	PutMetadata(ctx context.Context, kind cluster.MetadataKind, name string, definition json.RawMessage) error
}

// Kinds lists what Survey looks at, what others refer to first.
func Kinds() []cluster.MetadataKind {
	return []cluster.MetadataKind{
		cluster.LifecyclePolicy, cluster.StatePolicy, cluster.IngestPipeline,
		cluster.ComponentTemplate, cluster.IndexTemplate, cluster.LegacyTemplate,
	}
}

// Survey compares the source's policies, pipelines and templates with the
// target's, by name. It changes nothing. What engines bring along and maintain
// themselves is left out.
func Survey(ctx context.Context, source, target Cluster) ([]Piece, error) {
	s := survey{from: source.Identity(), to: target.Identity(), here: shelves{}, there: shelves{}, hidden: map[cluster.MetadataKind]string{}}
	pieces := []Piece{}
	for _, kind := range Kinds() {
		var err error
		if s.here[kind], err = source.ListMetadata(ctx, kind); cluster.Forbidden(err) {
			pieces = append(pieces, leftBehind(kind, "*", "the source's user may not read them: "+granted(err)))
		} else if err != nil {
			return nil, err
		}
		s.there[kind], err = target.ListMetadata(ctx, kind)
		if cluster.Forbidden(err) {
			s.hidden[kind] = granted(err)
		} else if err != nil {
			return nil, err
		}
	}
	for _, kind := range Kinds() {
		for _, name := range slices.Sorted(maps.Keys(s.here[kind])) {
			if !builtIn(kind, name, s.here[kind][name]) {
				pieces = append(pieces, s.piece(kind, name))
			}
		}
	}
	return pieces, nil
}

// granted gives the engine's words of a refusal, and what to do about it.
func granted(err error) string {
	if e, ok := errors.AsType[*cluster.Error](err); ok && e.Hint != "" {
		return cluster.Reason(err) + "; " + e.Hint
	}
	return cluster.Reason(err)
}

// shelves hold definitions by kind and name.
type shelves map[cluster.MetadataKind]map[string]json.RawMessage

// survey is one comparison.
type survey struct {
	from, to    cluster.Identity
	here, there shelves
	// hidden are the kinds that the target's user may not read, and why.
	hidden map[cluster.MetadataKind]string
}

func (s *survey) piece(kind cluster.MetadataKind, name string) Piece {
	t := &translation{where: fmt.Sprintf("%s %s", kind, name), from: s.from, to: s.to, kept: true, policies: s.policies(), components: s.names(cluster.ComponentTemplate)}
	p := Piece{Kind: kind, Name: name}
	if why, hidden := s.hidden[kind]; hidden {
		p.Verdict = NotCarried
		t.note(Dropped, "definition", "the target's user may not read its own, and would overwrite them unseen: %s", why)
	} else if s.there[kind] == nil {
		p.Verdict = NotCarried
		t.note(Dropped, "definition", "%s", lacking(kind, s.to))
	} else if p.body = t.definition(kind, s.here[kind][name]); len(Obstacles(t.notes)) > 0 {
		p.Verdict = NotCarried
	}
	p = p.judged(s.there[kind][name])
	if kind == cluster.LegacyTemplate && p.Verdict != NotCarried {
		s.shadowed(t, p.body)
	}
	p.Notes = t.notes
	return p
}

// lacking says what to do about a kind that the target does not have.
func lacking(kind cluster.MetadataKind, to cluster.Identity) string {
	switch {
	case kind == cluster.LifecyclePolicy && to.Product == cluster.OpenSearch:
		return fmt.Sprintf("%s has no lifecycle policies; write one for its index state management", to)
	case kind == cluster.StatePolicy && to.Product == cluster.Elasticsearch:
		return fmt.Sprintf("%s has no index state management; write a lifecycle policy", to)
	case kind == cluster.IndexTemplate:
		return fmt.Sprintf("%s has no %s; write a template of the older kind", to, kind)
	default:
		return fmt.Sprintf("%s has no %s", to, kind)
	}
}

// policies gives the names of the lifecycle policies that templates can refer
// to on the target once all is carried; nil where it has none.
func (s *survey) policies() map[string]bool {
	if s.there[cluster.LifecyclePolicy] == nil {
		return nil
	}
	return s.names(cluster.LifecyclePolicy)
}

// names gives those of a kind that the target will have.
func (s *survey) names(kind cluster.MetadataKind) map[string]bool {
	all := map[string]bool{}
	for _, side := range []shelves{s.here, s.there} {
		for name := range side[kind] {
			all[name] = true
		}
	}
	return all
}

// shadowed tells of templates of the newer kind that only the target has: one of
// them that matches is used instead of any of the older kind.
func (s *survey) shadowed(t *translation, body json.RawMessage) {
	own := patterns(body)
	for _, name := range slices.Sorted(maps.Keys(s.there[cluster.IndexTemplate])) {
		if s.here[cluster.IndexTemplate][name] != nil {
			continue
		}
		for _, theirs := range patterns(s.there[cluster.IndexTemplate][name]) {
			if i := slices.IndexFunc(own, func(p string) bool { return overlap(p, theirs) }); i >= 0 {
				t.note(Shadowed, "index_patterns", "the target's index_template %s (%s) wins over it where both match: make an index template of it by hand, with a higher priority", name, theirs)
				break
			}
		}
	}
}

// patterns gives a template's index patterns.
func patterns(body json.RawMessage) []string {
	var template struct {
		Patterns []string `json:"index_patterns"`
	}
	if json.Unmarshal(body, &template) != nil {
		return nil
	}
	return template.Patterns
}

// overlap reports whether some name matches both patterns, which know * only.
func overlap(a, b string) bool {
	switch {
	case a == "" && b == "":
		return true
	case a != "" && a[0] == '*':
		return overlap(a[1:], b) || b != "" && overlap(a, b[1:])
	case b != "" && b[0] == '*':
		return overlap(b, a)
	default:
		return a != "" && b != "" && a[0] == b[0] && overlap(a[1:], b[1:])
	}
}
