package engines_test

import (
	"path/filepath"
	"testing"
	"time"

	"esferry/internal/corpus"
	"esferry/internal/lab"
)

// TestS3Repository lets an engine write a repository over S3, and restore from
// it, in the root of a bucket and below a path.
func TestS3Repository(t *testing.T) {
	for engine, settings := range map[lab.Engine]string{
		lab.OS38: `{"type":"s3","settings":{"bucket":"snaps","base_path":"some/where"}}`,
		lab.ES24: `{"type":"s3","settings":{"bucket":"snaps"}}`,
	} {
		t.Run(string(engine), func(t *testing.T) {
			l := lab.For(t)
			gateway := l.GatewayFor(t, filepath.Join(t.TempDir(), "s3"))
			bucket(t, gateway, "snaps")
			c := l.StartFor(t, lab.Spec{Engine: engine, S3: gateway})
			e := open(t, c.URL())
			create(t, e, "logs", "")
			load(t, e, "logs", corpus.Logs(time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC), 1000, 1))
			put(t, c.URL()+"/_snapshot/ferry", settings)
			put(t, c.URL()+"/_snapshot/ferry/one?wait_for_completion=true", `{"indices":"logs"}`)
			post(t, c.URL()+"/_snapshot/ferry/one/_restore?wait_for_completion=true", `{"indices":"logs","rename_pattern":"logs","rename_replacement":"back"}`)
			equal(t, c.URL(), c.URL(), "logs", "back")
		})
	}
}
