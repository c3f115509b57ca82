package iam_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"esferry/internal/iam"
)

func TestDomain(t *testing.T) {
	f := func(address, region, role, want string) {
		t.Helper()
		if got := iam.Domain(address, region, role); got != want {
			t.Errorf("%s: got %q, want %q", address, got, want)
		}
	}
	const hash = "abcdefghijklmnopqrstuvwx12"
	f("https://search-logs-"+hash+".us-east-1.es.amazonaws.com", "us-east-1", "arn:aws:iam::123456789012:role/r", "arn:aws:es:us-east-1:123456789012:domain/logs")
	f("https://vpc-my-logs-"+hash+".cn-north-1.es.amazonaws.com.cn", "cn-north-1", "", "arn:aws-cn:es:cn-north-1:ACCOUNT_ID:domain/my-logs")
	f("https://search.example:9200", "us-east-1", "", "")
	f("::", "us-east-1", "", "")
}

func TestDocumentsAreExact(t *testing.T) {
	source := iam.Side{
		Name: "source", Region: "us-east-1", Domain: "arn:aws:es:us-east-1:1:domain/old", Role: "arn:aws:iam::1:role/snaps", Bucket: "old", Prefix: "/a/b/",
	}
	target := iam.Side{Name: "target"}
	places := []iam.Place{{Name: "from", Bucket: "old", Region: "us-east-1"}, {Name: "to", Bucket: "new", Prefix: "x", Region: "cn-north-1"}}
	documents := iam.Documents([]iam.Side{source, target}, places)
	var names, actions []string
	for _, d := range documents {
		names = append(names, d.Name)
		for _, s := range d.Policy.Statement {
			actions = append(actions, s.Action...)
			if s.Effect != "Allow" || slices.ContainsFunc(s.Resource, func(r string) bool { return r == "*" }) {
				t.Errorf("%s: got %+v", d.Name, s)
			}
		}
	}
	if want := []string{"source-repository-trust", "source-repository", "source-bucket", "source-esferry", "copy-from", "copy-to"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	if slices.ContainsFunc(actions, func(a string) bool { return strings.Contains(a, "*") }) {
		t.Errorf("got %v, want no pattern among them", actions)
	}
	text, err := json.Marshal(documents)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"arn:aws:s3:::old/a/b/*"`, `"arn:aws-cn:s3:::new/x/*"`, `"iam:PassRole"],"Resource":["arn:aws:iam::1:role/snaps"]`, `"aws:SourceArn":"arn:aws:es:us-east-1:1:domain/old"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if got := iam.Documents([]iam.Side{target}, nil); len(got) > 0 {
		t.Errorf("nothing of Amazon's: got %v", got)
	}
}
