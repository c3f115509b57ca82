package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"esferry/checkpoint"
	"esferry/internal/config"
)

// storedRecord is one record of the store. Neither credentials nor documents are
// in any.
type storedRecord struct {
	Type string `json:"type"`
	Key  string `json:"key"`
	// Value is the record, as it was committed.
	Value json.RawMessage `json:"value"`
}

func (iv *invocation) checkpointListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List what the store holds of this ferry: indices, backfills, snapshots, restores",
		Example: "  esferry checkpoint list -c ferry.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, records, err := iv.records(cmd.Context())
			if err != nil {
				return err
			}
			return iv.showRecords(c.Name, records)
		},
	}
}

func (iv *invocation) checkpointExportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "export",
		Short: "Print all that the store holds of this ferry as JSON lines",
		Long: `export prints one JSON line for each record, {"type":"checkpoint","key":...,
"value":...}, and a summary as the last one. Neither credentials nor documents are
in it: names, settings to be put back, positions and counts. While a ferry runs,
its own export lies beside the store (ferry.db.json), a second old at most.`,
		Example: "  esferry checkpoint export -c ferry.yaml | gzip",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, records, err := iv.records(cmd.Context())
			if err != nil {
				return err
			}
			for _, r := range records {
				if err := iv.print(storedRecord{"checkpoint", r.Key, r.Value}); err != nil {
					return err
				}
			}
			return iv.print(struct {
				Type    string `json:"type"`
				Records int    `json:"records"`
			}{"summary", len(records)})
		},
	}
}

// records reads those of this ferry, sorted by key; none where it never ran.
func (iv *invocation) records(ctx context.Context) (c *config.Config, records []checkpoint.Record, err error) {
	if c, err = iv.load(); err != nil {
		return c, nil, err
	}
	err = looking(ctx, c, func(ctx context.Context, store checkpoint.Store, _ checkpoint.Lease) (err error) {
		if records, err = store.List(ctx, c.Name+"/"); err != nil {
			return fmt.Errorf("read the checkpoint store: %w", err)
		}
		return nil
	})
	return c, records, err
}

func (iv *invocation) showRecords(name string, records []checkpoint.Record) error {
	type listed struct {
		Key   string `json:"key"`
		Kind  string `json:"kind"`
		Bytes int    `json:"bytes"`
	}
	rows := make([]listed, len(records))
	t := tableOf("kind", "of", "bytes")
	for i, r := range records {
		kind, of, _ := strings.Cut(strings.TrimPrefix(r.Key, name+"/"), "/")
		rows[i] = listed{r.Key, kind, len(r.Value)}
		t.AppendRow(table.Row{plain(kind), plain(of), len(r.Value)})
	}
	if iv.json {
		return iv.print(struct {
			Type    string   `json:"type"`
			Records []listed `json:"records"`
		}{"checkpoints", rows})
	}
	if len(rows) == 0 {
		return iv.write("ferry %s has no checkpoint yet\n", name)
	}
	return iv.write("%s\n", t.Render())
}
