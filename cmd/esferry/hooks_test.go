package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestHooksMayCallUs holds what a hook finds in its environment against the twins
// of flags: an esferry that a hook calls would take one for the other.
func TestHooksMayCallUs(t *testing.T) {
	for _, cmd := range visible(t) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			twin := environmentPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
			if twin == hookEvent || twin == hookFerry {
				t.Errorf("%s --%s has the twin %s, which hooks are told something else by", cmd.CommandPath(), f.Name, twin)
			}
		})
	}
}
