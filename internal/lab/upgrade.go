package lab

import (
	"context"
	"fmt"
)

// UpgradeNode stops one node, counted from 0, and starts it as another version,
// with the same data and addresses, as in a rolling upgrade. It returns when the
// cluster is whole again, the versions of its nodes mixed as they may be; Restart
// starts each node as what it has become. For engines whose nodes are processes of
// their own, without passwords. Not to be called while another verb runs.
func (c *Cluster) UpgradeNode(ctx context.Context, i int, to Engine) error {
	newer := &Cluster{Engine: to, Name: c.Name, lab: c.lab, spec: c.spec, dir: c.dir, nodes: c.nodes}
	if err := newer.unpack(ctx); err != nil {
		return fmt.Errorf("upgrade to %s: %w", to, err)
	}
	if c.recipe.start == byRunner || newer.recipe.start == byRunner || c.spec.Secure {
		return fmt.Errorf("upgrade %s to %s: the lab does that to processes of one node each, without passwords", c.Engine, to)
	}
	c.process(i).stop()
	n := c.nodes[i]
	if err := newer.writeNode(ctx, n, access{}); err != nil {
		return fmt.Errorf("write the configuration of %s: %w", to, err)
	}
	if err := c.lab.share(c.confDir(n)); err != nil {
		return err
	}
	c.mu.Lock()
	if c.upgraded == nil {
		c.upgraded = map[int]*Cluster{}
	}
	c.upgraded[i] = newer
	c.mu.Unlock()
	if err := c.start(ctx); err != nil {
		return fmt.Errorf("start %s as %s: %w", n.name, to, err)
	}
	return nil
}
