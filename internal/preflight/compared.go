package preflight

import (
	"context"
	"fmt"
	"time"
)

// stale is how old a comparison may be before it says little of today.
const stale = 24 * time.Hour

// compared: a difference that is known already would only be found again, under
// the freeze.
func compared(_ context.Context, c Crossing) (Finding, error) {
	const remedy = "run esferry verify with this configuration first, which compares anew"
	var oldest time.Time
	for _, i := range c.Indices {
		switch {
		case i.Differs:
			return Finding{
				State: Refused, Detail: fmt.Sprintf("index %s differed when both sides were last counted, at %s", i.Index, i.Compared.UTC().Format(time.RFC3339)),
				Remedy: "run esferry sync, which counts anew, or esferry verify --level ids --repair",
			}, nil
		case i.Compared.IsZero():
			return Finding{State: Note, Detail: "index " + i.Index + " has never been compared", Remedy: remedy}, nil
		case oldest.IsZero() || i.Compared.Before(oldest):
			oldest = i.Compared
		}
	}
	age := time.Since(oldest).Round(time.Second)
	if age > stale {
		return Finding{State: Note, Detail: fmt.Sprintf("the oldest comparison is %s old", age), Remedy: remedy}, nil
	}
	return Finding{State: OK, Detail: fmt.Sprintf("both sides were counted within %s, and nothing differed", age)}, nil
}
