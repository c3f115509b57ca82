package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"esferry/internal/config"
	"esferry/internal/iam"
)

// showIAM prints what Amazon wants for the configuration.
func (iv *invocation) showIAM() error {
	c, err := iv.load()
	if err != nil {
		return err
	}
	documents := iam.Documents(amazonSides(c), amazonPlaces(c))
	if len(documents) == 0 {
		return &usageError{
			err:  errors.New("nothing in the configuration is Amazon's: no side signs by auth.sigv4, names a role_arn, or copies from or to S3"),
			hint: "give auth.sigv4, and snapshot with its buckets, then ask again",
		}
	}
	if iv.json {
		return iv.print(struct {
			Type      string         `json:"type"`
			Documents []iam.Document `json:"documents"`
		}{"iam", documents})
	}
	for _, d := range documents {
		text, err := json.MarshalIndent(d.Policy, "", "  ")
		if err != nil {
			return fmt.Errorf("write the policy %s: %w", d.Name, err)
		}
		if err := iv.write("# %s.json: %s\n%s\n\n", d.Name, plain(d.Use), text); err != nil {
			return err
		}
	}
	return nil
}

func amazonSides(c *config.Config) []iam.Side {
	sides := []iam.Side{amazonSide("source", c.Source), amazonSide("target", c.Target)}
	if c.Snapshot == nil {
		return sides
	}
	for i, r := range []config.Repository{c.Snapshot.Source, c.Snapshot.Target} {
		s := &sides[i]
		settings := r.Settings.Redacted()
		s.Role, s.Bucket, s.Prefix = setting(settings, "role_arn"), setting(settings, "bucket"), setting(settings, "base_path")
		if e := []config.Endpoint{c.Source, c.Target}[i]; e.Auth.SigV4 != nil {
			s.Domain = iam.Domain(e.URLs[0], s.Region, s.Role)
		}
	}
	return sides
}

func amazonSide(name string, e config.Endpoint) iam.Side {
	s := iam.Side{Name: name}
	if e.Auth.SigV4 != nil {
		s.Region, s.Signer = e.Auth.SigV4.Region, e.Auth.SigV4.RoleARN
		s.Domain = iam.Domain(e.URLs[0], s.Region, s.Signer)
	}
	return s
}

func amazonPlaces(c *config.Config) (places []iam.Place) {
	if c.Snapshot == nil || c.Snapshot.Copy == nil {
		return nil
	}
	for i, b := range []config.Bucket{c.Snapshot.Copy.From, c.Snapshot.Copy.To} {
		if b.Endpoint != "" && !strings.Contains(b.Endpoint, ".amazonaws.com") {
			continue
		}
		places = append(places, iam.Place{Name: []string{"from", "to"}[i], Region: b.Region, Bucket: b.Bucket, Prefix: b.Prefix, Role: b.RoleARN})
	}
	return places
}

func setting(settings map[string]any, key string) string {
	text, _ := settings[key].(string)
	return text
}
