package snapshotpath

import (
	"net/url"
	"slices"
	"strings"

	"esferry/internal/cluster"
)

// Keeper is who runs an engine. Managed services have rules of their own for
// repositories.
type Keeper string

// The keepers that are told apart.
const (
	// Operator runs the engine himself, or a service without known rules does.
	Operator     Keeper = ""
	Amazon       Keeper = "amazon"
	Serverless   Keeper = "amazon serverless"
	ElasticCloud Keeper = "elastic cloud"
	Alibaba      Keeper = "alibaba cloud"
)

// KeeperOf tells it by an engine's addresses and by the service that requests
// are signed for, empty where they are not: a domain may have a name of one's
// own, and then only the signature tells.
func KeeperOf(urls []string, service string) Keeper {
	if service == cluster.Serverless {
		return Serverless
	}
	if service != "" {
		return Amazon
	}
	for _, address := range urls {
		u, err := url.Parse(address)
		if err != nil {
			continue
		}
		for suffix, keeper := range map[string]Keeper{
			".aoss.amazonaws.com": Serverless,
			".es.amazonaws.com":   Amazon, ".es.amazonaws.com.cn": Amazon, ".on.aws": Amazon,
			".es.io": ElasticCloud, ".elastic-cloud.com": ElasticCloud, ".found.io": ElasticCloud, ".elastic.cloud": ElasticCloud,
			".elasticsearch.aliyuncs.com": Alibaba,
		} {
			if strings.HasSuffix(strings.ToLower(u.Hostname()), suffix) {
				return keeper
			}
		}
	}
	return Operator
}

// Managed reports whether a repository is one that a service keeps for its own
// automatic snapshots: by its name, or by where the service says that it is.
// Amazon takes no name that begins with cs-.
func Managed(name string, there cluster.Repository) bool {
	own := []string{"found-snapshots", "aliyun_auto_snapshot", "aliyun_snapshot_from_instance"}
	return strings.HasPrefix(name, "cs-") || slices.Contains(own, name) ||
		strings.HasSuffix(there.Settings["role_arn"], ":role/cp-sls-es-ops") ||
		strings.HasPrefix(there.Settings["client"], "elastic-internal-")
}
