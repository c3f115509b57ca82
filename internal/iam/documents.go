package iam

import (
	"strings"
)

// Side is one cluster of a ferry as far as Amazon is concerned.
type Side struct {
	// Name is "source" or "target".
	Name string
	// Region is the domain's.
	Region string
	// Domain is its ARN; empty where the cluster is not a managed domain.
	Domain string
	// Role is the one that the repository's settings name; empty for none.
	Role string
	// Bucket and Prefix are where its repository lies.
	Bucket, Prefix string
	// Signer is the role that esferry assumes to sign; empty for other keys.
	Signer string
}

// Place is a bucket of Amazon's that esferry itself reads from or writes to.
type Place struct {
	// Name is "from" or "to"; what is copied to is written.
	Name           string
	Region         string
	Bucket, Prefix string
	// Role is the one that esferry assumes there; empty for other keys.
	Role string
}

// Document is one policy and what is to be done with it.
type Document struct {
	// Name is fit for a file.
	Name string `json:"name"`
	// Use tells where it belongs.
	Use    string `json:"use"`
	Policy Policy `json:"policy"`
}

// Documents lists all that a ferry needs, in the order in which to make them.
func Documents(sides []Side, places []Place) (all []Document) {
	for _, s := range sides {
		if s.Role != "" {
			all = append(all,
				Document{s.Name + "-repository-trust", "trust policy of the role " + s.Role + ", which the service assumes to reach the bucket", s.trust()},
				Document{s.Name + "-repository", "permissions of the role " + s.Role, policy(s.objects(nil)...)},
				Document{s.Name + "-bucket", "bucket policy of " + s.Bucket + ", where it belongs to another account than the role", policy(s.objects(map[string]string{"AWS": s.Role})...)})
		}
		if s.Domain != "" {
			all = append(all, Document{s.Name + "-esferry", "permissions of " + who(s.Signer) + ", for the " + s.Name, policy(s.requests()...)})
		}
	}
	for _, p := range places {
		all = append(all, Document{"copy-" + p.Name, "permissions of " + who(p.Role) + ", for repo copy " + p.Name + " the bucket", policy(p.objects()...)})
	}
	return all
}

func who(role string) string {
	if role == "" {
		return "the user or role that esferry runs as"
	}
	return "the role " + role
}

// trust lets the service assume the role, for this domain and no other.
func (s Side) trust() Policy {
	trusted := Statement{
		Sid: "ServiceAssumesRole", Principal: map[string]string{"Service": "es.amazonaws.com"}, Action: []string{"sts:AssumeRole"},
		Condition: map[string]map[string]string{"StringEquals": {"aws:SourceAccount": Account(s.Role)}},
	}
	if s.Domain != "" {
		trusted.Condition["ArnLike"] = map[string]string{"aws:SourceArn": s.Domain}
	}
	return policy(trusted)
}

// objects are those of the repository: the source writes its snapshot, the
// target has it registered for reading only.
func (s Side) objects(principal map[string]string) []Statement {
	actions := []string{"s3:GetObject"}
	if s.Name == "source" {
		actions = append(actions, "s3:PutObject", "s3:DeleteObject")
	}
	bucket := arn(s.Region, s.Bucket)
	return []Statement{
		{Sid: "ListRepository", Principal: principal, Action: []string{"s3:ListBucket"}, Resource: []string{bucket}},
		{Sid: "UseRepository", Principal: principal, Action: actions, Resource: []string{bucket + below(s.Prefix)}},
	}
}

// requests are what esferry sends to the domain, and the role that it hands over
// with the repository's settings.
func (s Side) requests() []Statement {
	list := []Statement{{
		Sid: "Requests", Action: []string{"es:ESHttpDelete", "es:ESHttpGet", "es:ESHttpPost", "es:ESHttpPut"}, Resource: []string{s.Domain + "/*"},
	}}
	if s.Role != "" {
		list = append(list, Statement{Sid: "HandOverRole", Action: []string{"iam:PassRole"}, Resource: []string{s.Role}})
	}
	return list
}

func (p Place) objects() []Statement {
	listing, actions := []string{"s3:ListBucket"}, []string{"s3:GetObject"}
	if p.Name == "to" {
		// What a killed copy left of multipart uploads is found and taken away.
		listing = append(listing, "s3:ListBucketMultipartUploads")
		actions = append(actions, "s3:PutObject", "s3:AbortMultipartUpload")
	}
	bucket := arn(p.Region, p.Bucket)
	return []Statement{
		{Sid: "ListBucket", Action: listing, Resource: []string{bucket}},
		{Sid: "CopyObjects", Action: actions, Resource: []string{bucket + below(p.Prefix)}},
	}
}

func arn(region, bucket string) string { return "arn:" + partition(region) + ":s3:::" + bucket }

func below(prefix string) string {
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		return "/" + prefix + "/*"
	}
	return "/*"
}
