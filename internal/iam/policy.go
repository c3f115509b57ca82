package iam

import (
	"net/url"
	"regexp"
	"strings"
)

// Unknown stands where an account's number cannot be told.
const Unknown = "ACCOUNT_ID"

// Policy is a document as IAM and S3 take it.
type Policy struct {
	Version   string      `json:"Version"`   //nolint:tagliatelle // Amazon's own names
	Statement []Statement `json:"Statement"` //nolint:tagliatelle // Amazon's own names
}

// Statement allows one thing.
type Statement struct {
	Sid       string                       `json:"Sid"`                 //nolint:tagliatelle // Amazon's own names
	Effect    string                       `json:"Effect"`              //nolint:tagliatelle // Amazon's own names
	Principal map[string]string            `json:"Principal,omitempty"` //nolint:tagliatelle // Amazon's own names
	Action    []string                     `json:"Action"`              //nolint:tagliatelle // Amazon's own names
	Resource  []string                     `json:"Resource,omitempty"`  //nolint:tagliatelle // Amazon's own names
	Condition map[string]map[string]string `json:"Condition,omitempty"` //nolint:tagliatelle // Amazon's own names
}

func policy(statements ...Statement) Policy {
	for i := range statements {
		statements[i].Effect = "Allow"
	}
	// The language's version, the only one that is current.
	return Policy{Version: "2012-10-17", Statement: statements}
}

// Domain gives the ARN of a managed domain of its address and of the account
// that a role belongs to; empty where the address is not one of Amazon's.
func Domain(address, region, role string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	// search-NAME-26CHARACTERS.REGION.es.amazonaws.com, or vpc-.
	m := regexp.MustCompile(`^(?:search|vpc)-([a-z][a-z0-9-]*)-[a-z0-9]{26}\.`).FindStringSubmatch(u.Hostname())
	if m == nil {
		return ""
	}
	return "arn:" + partition(region) + ":es:" + region + ":" + Account(role) + ":domain/" + m[1]
}

// Account gives the number of the account in a role's ARN.
func Account(role string) string {
	if parts := strings.Split(role, ":"); len(parts) > 4 && parts[4] != "" {
		return parts[4]
	}
	return Unknown
}

func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}
