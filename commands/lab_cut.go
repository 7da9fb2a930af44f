package commands

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

const (
	// labCutsVariable names, for a node, the file of the ports that it must not reach (netx.Cuts).
	labCutsVariable = "KGO_LAB_CUTS"
	labCutsSuffix   = ".cuts"
)

// cuts are the ports that the node can't reach.
func (n *labNode) cuts() []string {
	raw, err := os.ReadFile(n.path(labCutsSuffix))
	if err != nil {
		return nil
	}
	return strings.Fields(string(raw))
}

// cut cuts the link between two nodes, or mends it. It needs no rights on the machine's network: each node looks into its file for what it must not reach.
func (o *labOptions) cut(names []string, cut bool) error {
	nodes, err := o.nodes(names)
	if err != nil {
		return err
	}
	if len(nodes) != 2 {
		return &exitError{code: 2, err: errors.New("kgo lab: a link is between two nodes")}
	}
	for i, n := range nodes {
		port := strconv.Itoa(int(nodes[1-i].port))
		ports := slices.DeleteFunc(n.cuts(), func(p string) bool { return p == port })
		if cut {
			ports = append(ports, port)
		}
		if err := writeLines(n.path(labCutsSuffix), ports...); err != nil {
			return fmt.Errorf("kgo lab: %s: %w", n.name, err)
		}
	}
	return nil
}

// cutFrom tells which nodes the node can't reach.
func (n *labNode) cutFrom(nodes []*labNode) []string {
	names, cuts := []string{}, n.cuts()
	for _, other := range nodes {
		if slices.Contains(cuts, strconv.Itoa(int(other.port))) {
			names = append(names, other.name)
		}
	}
	return names
}
