package shard

// Bucket is one bar of a histogram over sequence numbers: Docs live documents
// at or above From, below the next bucket.
type Bucket struct {
	From int64 `json:"from"`
	Docs int64 `json:"docs"`
}

// Cut divides the window into smaller ones of at most about docs documents
// each, by a sorted histogram of its sequence numbers (protocol 1.2). The
// result is contiguous, in order, and covers the window exactly: a stretch
// without documents goes to its left neighbour, so that no number is left out.
func (w Window) Cut(buckets []Bucket, docs int64) []Window {
	if w.Span() == 0 {
		return nil
	}
	var (
		out  []Window
		from = w.From
		held int64
	)
	for _, b := range buckets {
		// The window may end right before the bucket's first number.
		end := b.From - 1
		if held > 0 && held+b.Docs > docs && end > from && end < w.To {
			out = append(out, Window{Shard: w.Shard, From: from, To: end})
			from, held = end, 0
		}
		held += b.Docs
	}
	return append(out, Window{Shard: w.Shard, From: from, To: w.To})
}
