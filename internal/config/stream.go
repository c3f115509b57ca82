package config

// Stream bounds the stream path.
type Stream struct {
	// Readers of one index work at once; auto is one for each shard, two to four.
	Readers AutoInt `json:"readers"`
	// Writers to the target work at once, over all indices; auto follows what
	// the target's answers say.
	Writers AutoInt `json:"writers"`
	Page    Page    `json:"page"`
	Bulk    Bulk    `json:"bulk"`
	// Memory bounds the bytes in flight; a page and a bulk fit into it.
	Memory ByteSize `json:"memory"`
	// OnReject says what to do when the target refuses a document.
	OnReject OnReject `json:"on_reject"`
	Rate     Rate     `json:"rate"`
	Brake    Brake    `json:"brake"`
	// TargetDurability is that of the target's translog while esferry fills an
	// index that it has made.
	TargetDurability TargetDurability `json:"target_durability"`
}

func (s *Stream) fields() []field {
	return []field{
		{name: "readers", into: unit(&s.Readers)},
		{name: "writers", into: unit(&s.Writers)},
		{name: "page", into: within(&s.Page)},
		{name: "bulk", into: within(&s.Bulk)},
		{name: "memory", into: unit(&s.Memory)},
		{name: "on_reject", into: choice(&s.OnReject, OnRejectStop, OnRejectDeadLetter)},
		{name: "rate", into: within(&s.Rate)},
		{name: "brake", into: within(&s.Brake)},
		{name: "target_durability", into: choice(&s.TargetDurability, DurabilityIndex, DurabilityAsync)},
	}
}

// OnReject is what to do when the target refuses a document.
type OnReject string

// The ways to treat a document that the target refuses.
const (
	OnRejectStop       OnReject = "stop"
	OnRejectDeadLetter OnReject = "dead_letter"
)

// Page is what is asked of the source at once: whichever bound comes first.
type Page struct {
	Docs  AutoInt  `json:"docs"`
	Bytes ByteSize `json:"bytes"`
}

func (p *Page) fields() []field {
	return []field{
		{name: "docs", into: unit(&p.Docs)},
		{name: "bytes", into: unit(&p.Bytes)},
	}
}

// Bulk is what is sent to the target at once.
type Bulk struct {
	Bytes ByteSize `json:"bytes"`
}

func (b *Bulk) fields() []field {
	return []field{{name: "bytes", into: unit(&b.Bytes)}}
}

// Rate bounds the stream path as a whole; 0 is no bound.
type Rate struct {
	DocsPerSecond  int64    `json:"docs_per_second"`
	BytesPerSecond ByteSize `json:"bytes_per_second"`
	// RequestsPerSecond counts pages.
	RequestsPerSecond int64 `json:"requests_per_second"`
}

func (r *Rate) fields() []field {
	return []field{
		{name: "docs_per_second", into: number(&r.DocsPerSecond)},
		{name: "bytes_per_second", into: unit(&r.BytesPerSecond)},
		{name: "requests_per_second", into: number(&r.RequestsPerSecond)},
	}
}

// Brake holds readers back while the source has enough to do; 0 does not look.
type Brake struct {
	// SearchQueue is how many searches may wait on a node of the source.
	SearchQueue int64 `json:"search_queue"`
	// CPU of a node's machine, all that runs there and our own reading included.
	CPU Percent `json:"cpu"`
}

func (b *Brake) fields() []field {
	return []field{
		{name: "search_queue", into: number(&b.SearchQueue)},
		{name: "cpu", into: unit(&b.CPU)},
	}
}

// TargetDurability is when the target makes durable what it is sent.
type TargetDurability string

// The ways.
const (
	// DurabilityIndex is the index's own setting, ordinarily before each answer.
	DurabilityIndex TargetDurability = "index"
	// DurabilityAsync is now and then, and before esferry counts on it.
	DurabilityAsync TargetDurability = "async"
)
