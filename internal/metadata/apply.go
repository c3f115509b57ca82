package metadata

import (
	"context"

	"esferry/internal/cluster"
)

// ApplyOptions say how far Apply goes.
type ApplyOptions struct {
	// Overwrite replaces what differs on the target; otherwise it stays.
	Overwrite bool
	// DryRun tells what would be done, and does nothing.
	DryRun bool
}

// Apply puts what Survey found missing on the target, and notes the outcome in
// each piece. A piece that the target refuses stops no other: no document needs
// it. Any other error ends it; it may be repeated.
func Apply(ctx context.Context, target Cluster, pieces []Piece, o ApplyOptions) error {
	for i := range pieces {
		p := &pieces[i]
		switch {
		case p.Kind == KindIndex || p.Kind == KindDataStream:
			continue
		case p.Verdict == Missing:
			p.Outcome = Created
		case p.Verdict == Differs && o.Overwrite:
			p.Outcome = Overwritten
		case p.Verdict == Differs:
			p.Outcome = Kept
			continue
		default:
			continue
		}
		if o.DryRun {
			continue
		}
		err := target.PutMetadata(ctx, p.Kind, p.Name, p.body)
		if cluster.BadRequest(err) || cluster.Forbidden(err) {
			p.Outcome = Refused
			why := err.Error()
			if cluster.Forbidden(err) {
				why = granted(err)
			}
			p.Notes = append(p.Notes, Note{Level: Dropped, Where: p.Title(), Path: "definition", Reason: "the target refuses it: " + why})
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Tell gives the notes of all pieces, for the events of a run; what the target
// has otherwise is one of them.
func Tell(pieces []Piece) []Note {
	var notes []Note
	for _, p := range pieces {
		notes = append(notes, p.Notes...)
		if p.Outcome == Kept {
			notes = append(notes, Note{
				Level: Dropped, Where: p.Title(), Path: p.Differences[0].Path,
				Reason: "the target has another one of this name, which stays",
			})
		}
	}
	return notes
}
