package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"esferry/checkpoint"
	"esferry/internal/cluster"
	"esferry/internal/config"
	"esferry/internal/draft"
	"esferry/internal/ferry"
	"esferry/internal/preflight"
	"esferry/snapshotpath"
)

// beginning is what init was asked for.
type beginning struct {
	source, target         string
	sourceAuth, targetAuth string
	sourceCA, targetCA     string
	name, output           string
	include                []string
	force, iam             bool
}

func (iv *invocation) initCommand() *cobra.Command {
	var b beginning
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Ask both clusters and write a ferry.yaml that plan accepts",
		Long: `init reaches both clusters, looks at their versions, indices and repositories, and
writes a commented ferry.yaml: what cannot be carried is excluded, with the reason
beside it. It changes nothing on either cluster, and it never overwrites a file
unless told.

Secrets are never given themselves, but by where they are: basic:USER:env:NAME,
api_key:env:NAME, bearer:file:/path, sigv4:REGION.

init --iam reads the ferry.yaml that is there and prints the IAM role, its trust,
and the policies that Amazon wants for it, filled in; it asks nobody.`,
		Example: "  esferry init --source https://old.example:9200 --source-auth basic:ferry:env:SOURCE_PASSWORD --target https://new.example:9200 --target-auth api_key:env:TARGET_KEY\n" +
			"  esferry init --source http://127.0.0.1:9200 --target http://127.0.0.1:9201 --include 'logs-*' -o logs.yaml\n" +
			"  esferry init --iam -c ferry.yaml",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if b.iam {
				return iv.showIAM()
			}
			return iv.draft(cmd.Context(), b)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&b.source, "source", "", "URL of the cluster to carry from")
	flags.StringVar(&b.target, "target", "", "URL of the cluster to carry to")
	flags.StringVar(&b.sourceAuth, "source-auth", "", "how to log in at the source, such as basic:USER:env:NAME")
	flags.StringVar(&b.targetAuth, "target-auth", "", "how to log in at the target")
	flags.StringVar(&b.sourceCA, "source-ca", "", "file with the certificates to trust for the source")
	flags.StringVar(&b.targetCA, "target-ca", "", "file with the certificates to trust for the target")
	flags.StringVar(&b.name, "name", "ferry", "the ferry's name: the key of its state")
	flags.StringVarP(&b.output, "output", "o", "ferry.yaml", "the file to write")
	flags.StringArrayVar(&b.include, "include", nil, "carry only indices that match this pattern (may be repeated)")
	flags.BoolVar(&b.force, "force", false, "overwrite the file where it is there")
	flags.BoolVar(&b.iam, "iam", false, "print the IAM documents for Amazon that belong to the configuration")
	return cmd
}

// draft writes the file.
func (iv *invocation) draft(ctx context.Context, b beginning) error {
	d, err := b.draft()
	if err != nil {
		return err
	}
	if err := mustBeFree(b.output, b.force); err != nil {
		return err
	}
	if d, err = iv.survey(ctx, d, b.output); err != nil {
		return err
	}
	text := d.YAML()
	if _, err := config.Parse(b.output, []byte(text), config.System(filepath.Dir(b.output))); err != nil {
		return fmt.Errorf("check what is to be written: %w", err)
	}
	// It holds references, not secrets; whom a company may see its indices is its own choice.
	if err := writeNew(b.output, []byte(text), b.force); err != nil {
		return err
	}
	return iv.showDraft(d, b.output)
}

// draft reads the flags.
func (b beginning) draft() (draft.Draft, error) {
	d := draft.Draft{Name: b.name, Include: b.include}
	for _, side := range []struct {
		name, url, auth, ca string
		into                *draft.Side
	}{{"source", b.source, b.sourceAuth, b.sourceCA, &d.Source}, {"target", b.target, b.targetAuth, b.targetCA, &d.Target}} {
		if side.url == "" {
			return d, &usageError{err: fmt.Errorf("--%s is not set", side.name), hint: "give the URL of the cluster, such as https://search.example:9200"}
		}
		login, err := draft.ParseLogin(side.auth)
		if err != nil {
			wrong := &usageError{err: fmt.Errorf("--%s-auth: %w", side.name, err)}
			if e, ok := errors.AsType[*draft.LoginError](err); ok {
				wrong.hint = e.NextStep()
			}
			return d, wrong
		}
		*side.into = draft.Side{URL: side.url, Login: login, CAFile: side.ca}
	}
	return d, nil
}

// survey asks both clusters what a ferry would find.
func (iv *invocation) survey(ctx context.Context, d draft.Draft, output string) (draft.Draft, error) {
	c, err := config.Parse(output, []byte(d.YAML()), config.System(filepath.Dir(output)))
	if err != nil {
		return d, fmt.Errorf("read what the flags say: %w", err)
	}
	source, target, err := connect(ctx, c)
	if err != nil {
		return d, err
	}
	defer source.Close()
	defer target.Close()
	for _, side := range []struct {
		cluster *cluster.Cluster
		into    *draft.Side
	}{{source, &d.Source}, {target, &d.Target}} {
		side.into.Engine = side.cluster.Identity().String()
		plugins, err := side.cluster.Plugins(ctx)
		if err != nil {
			return d, err
		}
		side.into.Kinds = snapshotpath.Kinds(plugins, side.cluster.Identity())
	}
	if d.Repository, err = ownRepository(ctx, source); err != nil {
		return d, err
	}
	p, err := iv.tentative(ctx, c, source, target)
	if err != nil {
		return d, err
	}
	return d, planned(ctx, &d, p, source)
}

// ownRepository gives one that the source's operators have registered. A user
// who may not list them has none to show.
func ownRepository(ctx context.Context, source *cluster.Cluster) (*draft.Repository, error) {
	all, err := source.Repositories(ctx)
	if cluster.Forbidden(err) || cluster.NotAllowed(err) {
		return nil, nil //nolint:nilnil // a suggestion less, and no error
	}
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(all))
	for name, r := range all {
		if !snapshotpath.Managed(name, r) && r.Settings["readonly"] != "true" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, nil //nolint:nilnil // as above
	}
	name := slices.Min(names)
	settings := config.Settings{}
	for key, value := range all[name].Settings {
		settings[key] = value
	}
	shown := map[string]string{}
	for key, value := range settings.Redacted() {
		shown[key] = fmt.Sprint(value)
	}
	return &draft.Repository{Name: name, Type: all[name].Type, Settings: shown}, nil
}

// tentative plans with a state that is thrown away.
func (iv *invocation) tentative(ctx context.Context, c *config.Config, source, target *cluster.Cluster) (p ferry.Plan, err error) {
	dir, err := os.MkdirTemp("", "esferry-init-")
	if err != nil {
		return p, fmt.Errorf("make a folder for a moment: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	c.Checkpoint.Path = filepath.Join(dir, "ferry.db")
	err = holding(ctx, c, func(ctx context.Context, store checkpoint.Store, lease checkpoint.Lease) error {
		options, err := iv.options(ctx, c, source)
		if err != nil {
			return err
		}
		options.Observer = iv.aside()
		f, err := ferry.Open(ctx, source, target, store, lease, options)
		if err != nil {
			return err
		}
		p, err = f.Plan(ctx)
		return err
	})
	return p, err
}

// planned puts what can go and what cannot into the draft. What stands in the
// way of the whole ferry is an error: no configuration would help.
func planned(ctx context.Context, d *draft.Draft, p ferry.Plan, source *cluster.Cluster) error {
	stopped := map[string]bool{}
	for _, o := range p.Obstacles {
		if o.Index == "" {
			return &ferry.ObstacleError{Obstacles: []preflight.Obstacle{o}}
		}
		if !stopped[o.Index] {
			stopped[o.Index] = true
			d.Excluded = append(d.Excluded, draft.Excluded{Name: o.Index, Reason: o.Problem})
		}
	}
	indices, err := source.Indices(ctx)
	if err != nil {
		return err
	}
	created := map[string]string{}
	for _, i := range indices {
		created[i.Name] = i.Created()
	}
	for _, i := range p.Indices {
		if stopped[i.Index] {
			continue
		}
		ok, _ := snapshotpath.CanRestore(created[i.Index], p.Source, p.Target)
		d.Found = append(d.Found, draft.Index{Name: i.Index, Docs: i.Docs, Bytes: i.Bytes, Restorable: ok})
	}
	if len(d.Found) == 0 {
		return &ferry.ObstacleError{Obstacles: p.Obstacles}
	}
	return nil
}

func (iv *invocation) showDraft(d draft.Draft, output string) error {
	if iv.json {
		return iv.print(struct {
			Type       string           `json:"type"`
			File       string           `json:"file"`
			Source     string           `json:"source"`
			Target     string           `json:"target"`
			Indices    []draft.Index    `json:"indices"`
			Excluded   []draft.Excluded `json:"excluded"`
			Suggestion string           `json:"suggestion"`
		}{"init", output, d.Source.Engine, d.Target.Engine, d.Found, append([]draft.Excluded{}, d.Excluded...), d.Suggestion()})
	}
	if err := iv.write("%s: %d indices, from %s to %s\n", output, len(d.Found), plain(d.Source.Engine), plain(d.Target.Engine)); err != nil {
		return err
	}
	for _, e := range d.Excluded {
		if err := iv.write("excluded %s: %s\n", plain(e.Name), plain(e.Reason)); err != nil {
			return err
		}
	}
	next := "esferry plan"
	if output != "ferry.yaml" {
		next += " -c " + output
	}
	return iv.write("%s\nnext: read it, then %s\n", plain(strings.ToUpper(d.Suggestion()[:1])+d.Suggestion()[1:]), next)
}
