package aws_test

import (
	"net/http"
	"testing"

	"esferry/internal/lab/aws"
)

// TestAmazonsExample recomputes the signature of the example in Amazon's
// description of Signature Version 4 (ListUsers of IAM, 30 August 2015).
func TestAmazonsExample(t *testing.T) {
	const want = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://iam.amazonaws.com/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.RequestURI = "/?Action=ListUsers&Version=2010-05-08"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	r.Header.Set("X-Amz-Date", "20150830T123600Z")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature="+want)
	const ofNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	got, err := aws.Sign(r, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ofNothing)
	if err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestCanonical(t *testing.T) {
	f := func(canonical func(string) (string, error), in, want string) {
		t.Helper()
		got, err := canonical(in)
		if (err != nil) != (want == "") || err == nil && got != want {
			t.Errorf("%s: got %s, %v, want %s", in, got, err, want)
		}
	}
	f(aws.CanonicalURI, "/", "/")
	f(aws.CanonicalURI, "/logs-2026/_search", "/logs-2026/_search")
	f(aws.CanonicalURI, "/a%2Cb/_bulk", "/a%252Cb/_bulk")
	f(aws.CanonicalURI, "/%3Clogs-%7Bnow%2Fd%7D%3E", "/%253Clogs-%257Bnow%252Fd%257D%253E")
	f(aws.CanonicalURI, "/a,b", "")
	f(aws.CanonicalURI, "/a%2cb", "")
	f(aws.CanonicalURI, "a", "")
	f(aws.CanonicalQuery, "b=2&a=x%20y&a=", "a=&a=x%20y&b=2")
	f(aws.CanonicalQuery, "filter_path=hits.*,took", "filter_path=hits.%2A%2Ctook")
	f(aws.CanonicalQuery, "routing=%3D%2B", "routing=%3D%2B")
	f(aws.CanonicalQuery, "pretty", "pretty=")
	f(aws.CanonicalQuery, "q=a+b", "")
}
