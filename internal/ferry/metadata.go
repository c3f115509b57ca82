package ferry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"esferry/internal/cluster"
	"esferry/internal/metadata"
)

// Metadata carries policies, pipelines and templates that the target lacks, and
// notes what was dropped and what differs; it overwrites nothing.
func (f *Ferry) Metadata(ctx context.Context) error {
	return f.phase(ctx, "metadata", "", func(ctx context.Context) error {
		pieces, err := metadata.Survey(ctx, f.source, f.target)
		if err != nil {
			return err
		}
		err = metadata.Apply(ctx, f.target, pieces, metadata.ApplyOptions{})
		f.noteAll(metadata.Tell(pieces))
		return err
	})
}

// MetadataFirst reports whether templates may be on the target before indices
// are made there: where one can be kept from another's making.
func (f *Ferry) MetadataFirst() bool {
	return f.target.Identity().HasMetadata(cluster.IndexTemplate)
}

// shielded makes an index while no template of the target adds to it: its
// fields, settings and aliases are the source's alone. What a run that died left
// of it is taken off by the next one.
func (f *Ferry) shielded(ctx context.Context, index string, do func(ctx context.Context) error) error {
	matching, err := metadata.Templates(ctx, f.target, index)
	if err != nil {
		return err
	}
	if len(matching) == 0 {
		return do(ctx)
	}
	if !f.MetadataFirst() {
		if err := f.mustBeOurs(ctx, index, matching); err != nil {
			return err
		}
		return do(ctx)
	}
	name, body := metadata.Shield(index)
	if err := f.target.PutMetadata(ctx, cluster.IndexTemplate, name, body); err != nil {
		return err
	}
	made := do(ctx)
	// Also after an interruption: it would keep templates from the next index of
	// this name.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), liftPatience)
	defer cancel()
	return errors.Join(made, f.target.DeleteMetadata(ctx, cluster.IndexTemplate, name))
}

// mustBeOurs lets templates be that the source has too, which this ferry
// carried: they said the same when the source's index was made.
func (f *Ferry) mustBeOurs(ctx context.Context, index string, templates []string) error {
	pieces, err := metadata.Survey(ctx, f.source, f.target)
	if err != nil {
		return err
	}
	for _, template := range templates {
		if !slices.ContainsFunc(pieces, func(p metadata.Piece) bool { return p.Title() == template && p.Verdict == metadata.Same }) {
			return &TemplateError{Index: index, Template: template}
		}
	}
	return nil
}

// unshield takes off what a run left that died while it made the index.
func (f *Ferry) unshield(ctx context.Context, index string) error {
	matching, err := metadata.Templates(ctx, f.target, index)
	if err != nil {
		return err
	}
	name, _ := metadata.Shield(index)
	if !slices.Contains(matching, metadata.Piece{Kind: cluster.IndexTemplate, Name: name}.Title()) {
		return nil
	}
	return f.target.DeleteMetadata(ctx, cluster.IndexTemplate, name)
}

// TemplateError says that a template of the target would change an index.
type TemplateError struct{ Index, Template string }

// Error names both.
func (e *TemplateError) Error() string {
	return fmt.Sprintf("the target's %s matches index %s, and would add to it what the source's does not have", e.Template, e.Index)
}

// NextStep is printed on a line of its own.
func (e *TemplateError) NextStep() string {
	return "delete that template, run again, and bring it back by esferry metadata apply after the cutover"
}

// MetadataPieces compares all that both clusters hold besides documents:
// policies, pipelines and templates, then the indices that go, and by name what
// does not. It changes nothing.
func (f *Ferry) MetadataPieces(ctx context.Context) ([]metadata.Piece, error) {
	pieces, err := metadata.Survey(ctx, f.source, f.target)
	if err != nil {
		return nil, err
	}
	all, err := f.source.Indices(ctx)
	if err != nil {
		return nil, err
	}
	streams, err := f.source.DataStreams(ctx)
	if err != nil {
		return nil, err
	}
	backing := map[string]bool{}
	for _, s := range streams {
		pieces = append(pieces, metadata.DataStream(s.Name))
		for _, name := range s.Indices {
			backing[name] = true
		}
	}
	for _, index := range all {
		switch {
		case backing[index.Name]:
		case f.options.Select.Match(index.Name):
			found, err := f.indexPieces(ctx, index)
			if err != nil {
				return nil, err
			}
			pieces = append(pieces, found...)
		case strings.HasPrefix(index.Name, "."):
			pieces = append(pieces, metadata.LeftOut(index.Name))
		}
	}
	return pieces, nil
}

// ApplyMetadata puts what is missing on the target, and tells the outcome in
// the pieces. Indices, with their settings, mappings and aliases, are not among
// what it makes: they travel with their documents.
func (f *Ferry) ApplyMetadata(ctx context.Context, pieces []metadata.Piece, o metadata.ApplyOptions) error {
	return metadata.Apply(ctx, f.target, pieces, o)
}

// indexPieces compares an index, or each of its types where they are split.
func (f *Ferry) indexPieces(ctx context.Context, index cluster.Index) ([]metadata.Piece, error) {
	if !index.Open {
		return []metadata.Piece{metadata.Closed(index.Name)}, nil
	}
	types, err := f.types(ctx, index)
	if err != nil {
		return nil, err
	}
	whole, err := f.source.Definition(ctx, index.Name)
	if err != nil {
		return nil, err
	}
	var pieces []metadata.Piece
	for _, name := range types {
		here, err := metadata.OnlyType(whole, name)
		if err != nil {
			return nil, err
		}
		there, err := f.definitionThere(ctx, f.targetName(index.Name, name))
		if err != nil {
			return nil, err
		}
		pieces = append(pieces, metadata.Index(here, f.source.Identity(), f.target.Identity(), metadata.OnTarget{
			Name: f.targetName(index.Name, name), Definition: there, Filling: f.filling(nameOf(index.Name, name)),
		}))
	}
	return pieces, nil
}

// definitionThere reads what the target has under a name, less the aliases that
// the ferry itself writes through; nil where there is nothing, or only an alias.
func (f *Ferry) definitionThere(ctx context.Context, name string) (*cluster.Definition, error) {
	there, found, err := f.target.Index(ctx, name)
	if err != nil || !found || there.UUID == "" {
		return nil, err
	}
	d, err := f.target.Definition(ctx, name)
	if err != nil {
		return nil, err
	}
	aliases := map[string]json.RawMessage{}
	if err := json.Unmarshal(d.Aliases, &aliases); err != nil {
		return nil, fmt.Errorf("read the aliases of index %s: %w", name, err)
	}
	for alias := range aliases {
		if strings.HasPrefix(alias, writeAlias("")) {
			delete(aliases, alias)
		}
	}
	if d.Aliases, err = json.Marshal(aliases); err != nil {
		return nil, fmt.Errorf("read the aliases of index %s: %w", name, err)
	}
	return &d, nil
}

// filling reports whether this ferry still holds settings of the index back.
func (f *Ferry) filling(name string) bool {
	f.mu.Lock()
	ix := f.indices[name]
	f.mu.Unlock()
	return ix != nil && ix.snapshotRecord().Phase != Switched
}
