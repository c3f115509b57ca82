package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"esferry/internal/cluster"
	"esferry/internal/config"
	"esferry/internal/report"
)

// authorization gives what adds a cluster's credentials to a request.
func authorization(ctx context.Context, a config.Auth) (cluster.Authorization, error) {
	switch {
	case a.Basic != nil:
		return cluster.Basic(a.Basic.Username, a.Basic.Password.Reveal()), nil
	case !a.APIKey.IsZero():
		return cluster.Token("ApiKey " + a.APIKey.Reveal()), nil
	case !a.Bearer.IsZero():
		return cluster.Token("Bearer " + a.Bearer.Reveal()), nil
	case a.SigV4 != nil:
		provider, err := awsCredentials(ctx, a.SigV4.Region, a.SigV4.RoleARN, a.SigV4.Keys)
		if err != nil {
			return nil, err
		}
		return cluster.SigV4(a.SigV4.Region, a.SigV4.Service, provider), nil
	default:
		return nil, nil
	}
}

// noteClocks says where requests are signed with another time than this
// machine's, which should be set right.
func noteClocks(observer report.Observer, source, target *cluster.Cluster) {
	for _, side := range []struct {
		name    string
		cluster *cluster.Cluster
	}{{"source", source}, {"target", target}} {
		if behind := side.cluster.ClockBehind(); behind != 0 {
			observer.Observe(report.Event{Time: time.Now(), Kind: report.Noted, Message: fmt.Sprintf(
				"this machine's clock is %s at %s (the %s); requests are signed with the corrected time, but set the clock and keep it set (NTP)",
				cluster.Skew(behind), side.cluster.Address(), side.name)})
		}
	}
}

// awsCredentials gives static keys, or those of the default chain, and with
// either assumes a role where one is named. They renew themselves.
func awsCredentials(ctx context.Context, region, role string, k config.Keys) (aws.CredentialsProvider, error) {
	options := []func(*awsconfig.LoadOptions) error{awsconfig.WithRegion(region)}
	if !k.AccessKeyID.IsZero() {
		options = append(options, awsconfig.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(k.AccessKeyID.Reveal(), k.SecretAccessKey.Reveal(), k.SessionToken.Reveal())))
	}
	loaded, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("load the AWS configuration: %w", err)
	}
	if role == "" {
		return loaded.Credentials, nil
	}
	// The session's name is what the account's audit log shows.
	named := func(o *stscreds.AssumeRoleOptions) { o.RoleSessionName = "esferry" }
	return aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(loaded), role, named)), nil
}
