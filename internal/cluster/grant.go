package cluster

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Grant is what a role lacks, as the engine that refused it would take it.
type Grant struct {
	// Privilege is an entry of docs/privileges.md where there is one for the
	// action that was refused, and the action itself elsewhere.
	Privilege string
	// Where is the list that it belongs into.
	Where string
}

// Missing reads of an engine's refusal what its user's role lacks; false where
// the refusal does not tell. Elasticsearch names the action that "is
// unauthorized", OpenSearch's plugin those that there are "no permissions for".
func Missing(reason string) (Grant, bool) {
	theirs := regexp.MustCompile(`action \[([a-z]+:[^\]]+?)(?:\[[a-z]+\])*\] is unauthorized`)
	plugin := regexp.MustCompile(`no permissions for \[([a-z]+:[^\],]+?)(?:\[[a-z]+\])*[\],]`)
	if m := theirs.FindStringSubmatch(reason); m != nil {
		return Grant{Privilege: privilegeFor(m[1]), Where: level(m[1], "cluster", "indices[].privileges")}, true
	}
	if m := plugin.FindStringSubmatch(reason); m != nil {
		return Grant{Privilege: m[1] + "*", Where: level(m[1], "cluster_permissions", actionsOf(m[1]))}, true
	}
	return Grant{}, false
}

// actionsOf gives the list of OpenSearch's plugin that an action on indices belongs
// into. The plugin does not leave indices out of a list, it refuses the whole: who
// lists indices needs these two of all.
func actionsOf(action string) string {
	const list = "index_permissions[].allowed_actions"
	if action == "indices:monitor/settings/get" || action == "indices:monitor/stats" {
		return list + ` of index_patterns ["*"]`
	}
	return list
}

// level chooses between the lists of the cluster and of indices. Elasticsearch counts
// templates among the former.
func level(action, cluster, indices string) string {
	for _, prefix := range []string{"cluster:", "indices:admin/template/", "indices:admin/index_template/"} {
		if strings.HasPrefix(action, prefix) {
			return cluster
		}
	}
	return indices
}

// Hint gives the next step; side is "source" or "target".
func (g Grant) Hint(side string) string {
	return fmt.Sprintf("give the %s's user %q, under %s in its role; docs/privileges.md has whole roles", side, g.Privilege, g.Where)
}

// privilegeFor gives the privilege of Elasticsearch that lets an action through,
// the least one: where all that would are wide, the action is its own privilege.
func privilegeFor(action string) string {
	whole := []string{"indices:admin/refresh", "indices:admin/flush", "indices:admin/block/add", "indices:admin/aliases"}
	if slices.Contains(whole, action) {
		return action + "*"
	}
	for _, p := range []struct{ prefix, privilege string }{
		{"cluster:monitor/", "monitor"},
		{"cluster:admin/ilm/get", "read_ilm"},
		{"cluster:admin/ilm/", "manage_ilm"},
		{"cluster:admin/ingest/pipeline/get", action},
		{"cluster:admin/ingest/pipeline/", "manage_pipeline"},
		{"cluster:admin/component_template/get", "monitor"},
		{"indices:admin/index_template/get", "monitor"},
		{"indices:admin/template/get", action},
		{"cluster:admin/component_template/", "manage_index_templates"},
		{"indices:admin/index_template/", "manage_index_templates"},
		{"indices:admin/template/", "manage_index_templates"},
		{"indices:data/read/", "read"},
		{"indices:data/write/", "write"},
		{"indices:monitor/", "monitor"},
		{"indices:admin/create", "create_index"},
		{"indices:admin/auto_create", "create_index"},
		{"indices:admin/delete", "delete_index"},
		{"indices:admin/get", "view_index_metadata"},
		{"indices:admin/aliases/get", "view_index_metadata"},
		{"indices:admin/mappings/", "view_index_metadata"},
	} {
		if strings.HasPrefix(action, p.prefix) {
			return p.privilege
		}
	}
	return action
}
