package transforms

import (
	"strings"

	"github.com/kgo-project/kgo/connect"
)

// Step is one transform of a connector's chain, with the predicate that chooses its records.
type Step struct {
	Class     string // for error reports
	transform connect.Transform
	predicate connect.Predicate // nil: every record
	negate    bool
}

// Apply transforms a record, or returns it as it is if the predicate does not choose it. A nil record was dropped.
func (s *Step) Apply(r *connect.Record) (*connect.Record, error) {
	if s.predicate != nil && s.predicate.Test(r) == s.negate {
		return r, nil
	}
	return s.transform.Apply(r)
}

// Chain makes the transforms that a connector's configuration lists, in their order.
func Chain(config connect.Config) ([]Step, error) {
	chosen := make(map[string]connect.Predicate)
	for _, alias := range config.List("predicates") {
		own := config.Prefixed("predicates." + alias + ".")
		p := FindPredicate(own["type"])
		if p == nil {
			return nil, configErrorf("Invalid value %s for configuration predicates.%s.type: Class %[1]s could not be found.", own["type"], alias)
		}
		predicate, err := p.Predicate(own)
		if err != nil {
			return nil, err
		}
		chosen[alias] = predicate
	}
	var chain []Step
	for _, alias := range config.List("transforms") {
		own := config.Prefixed("transforms." + alias + ".")
		p := FindTransform(own["type"])
		if p == nil {
			return nil, configErrorf("Invalid value %s for configuration transforms.%s.type: Class %[1]s could not be found.", own["type"], alias)
		}
		transform, err := p.Transform(own)
		if err != nil {
			return nil, err
		}
		step := Step{Class: p.Class, transform: transform}
		if name, ok := own["predicate"]; ok {
			if step.predicate, ok = chosen[strings.TrimSpace(name)]; !ok {
				return nil, configErrorf("transforms.%s.predicate=%s: predicates lists no %[2]s", alias, name)
			}
			step.negate = own.Bool("negate", false)
		}
		chain = append(chain, step)
	}
	return chain, nil
}
