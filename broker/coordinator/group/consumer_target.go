package group

import (
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/wire"
)

// TopicLister is implemented by Topics that can list all names: members that subscribe by a pattern need it.
type TopicLister interface {
	TopicNames() []string
	// TopicsVersion is another number whenever topics have come or gone; negative where that isn't known.
	TopicsVersion() int64
}

// matched is what a pattern came to.
type matched struct {
	version int64 // of the topics
	topics  []string
}

// maxMatched bounds how many patterns are remembered.
const maxMatched = 1000

// updateSubscription writes down the member's new subscription, and begins a group epoch if the group reads other topics than before, or the
// topics themselves have changed.
func (s *shard) updateSubscription(groupID string, before, after *consumerMember) *consumerGroup {
	g := s.consumers[groupID]
	isNew := g == nil || g.members[after.memberID] == nil
	changed := !slices.Equal(before.topics, after.topics)
	if isNew || !before.sameSubscription(after) {
		s.apply(memberRecord(groupID, after))
		g = s.consumers[groupID]
	}
	due := !s.now.Before(g.soft.refreshAt)
	if changed || due || before.regex != after.regex {
		changed = s.resolveRegexes(g) || changed
		hash := s.metadataHash(g)
		if changed || hash != g.metadataHash {
			s.apply(groupEpochRecord(groupID, g.groupEpoch+1, hash))
			s.log.Info("consumer group's subscription changed", "group", groupID, "epoch", g.groupEpoch)
		}
		g.soft.refreshAt = s.now.Add(topicsRefresh)
	}
	return g
}

// resolveRegexes finds the topics of the patterns that members subscribe to, and reports whether they differ from before.
//
// DEVIATION(kafka): Apache Kafka resolves patterns in another thread and assigns their topics by a later heartbeat; here the first answer
// has them.
func (s *shard) resolveRegexes(g *consumerGroup) (changed bool) {
	used := make(map[string]bool)
	for _, m := range g.members {
		if m.regex != "" {
			used[m.regex] = true
		}
	}
	for _, regex := range slices.Sorted(maps.Keys(g.regexes)) {
		if !used[regex] {
			s.apply(regexTombstone(g.groupID, regex))
		}
	}
	for _, regex := range slices.Sorted(maps.Keys(used)) {
		topics := s.matchingTopics(regex)
		old, known := g.regexes[regex]
		if !known || !slices.Equal(old.topics, topics) {
			s.apply(regexRecord(g.groupID, regex, resolvedRegex{topics, old.version + 1, s.now.UnixMilli()}))
			changed = true
		}
	}
	return changed
}

func (s *shard) matchingTopics(regex string) (topics []string) {
	lister, ok := s.topics.(TopicLister)
	if !ok {
		return nil
	}
	version := lister.TopicsVersion() // before the names: what comes meanwhile is looked for again
	if m, ok := s.matched[regex]; ok && version >= 0 && m.version == version {
		return m.topics
	}
	re, err := compileRegex(regex)
	if err != nil {
		return nil // checked when the member joined; an Apache broker's log may hold one that only it understands
	}
	for _, name := range lister.TopicNames() {
		if re.MatchString(name) {
			topics = append(topics, name)
		}
	}
	slices.Sort(topics)
	if s.matched == nil || len(s.matched) >= maxMatched {
		s.matched = make(map[string]matched)
	}
	s.matched[regex] = matched{version, topics}
	return topics
}

// maxRegexInstructions bounds a compiled pattern: matching takes as many steps for each letter of each topic at worst, and other groups wait meanwhile. A list of
// hundreds of topics is smaller; nested repetitions may have millions.
const maxRegexInstructions = 10_000

// compileRegex compiles a pattern that has to match a whole name. Its language is RE2, as in Apache Kafka.
func compileRegex(regex string) (*regexp.Regexp, error) {
	parsed, err := syntax.Parse(regex, syntax.Perl)
	if err == nil {
		var prog *syntax.Prog
		if prog, err = syntax.Compile(parsed.Simplify()); err == nil && len(prog.Inst) > maxRegexInstructions {
			// DEVIATION(kafka): Apache Kafka matches any pattern, in a thread apart.
			return nil, wire.Refusef(kerr.InvalidRegularExpression, "SubscribedTopicRegex is too large: it compiles to %d instructions, and at most %d are taken.", len(prog.Inst), maxRegexInstructions)
		}
	}
	if err != nil {
		why := err.Error()
		if e := (*syntax.Error)(nil); errors.As(err, &e) {
			why = e.Code.String()
		}
		return nil, wire.Refusef(kerr.InvalidRegularExpression, "SubscribedTopicRegex `%s` is not a valid regular expression: %s.", regex, why)
	}
	return regexp.Compile("^(?:" + regex + ")$")
}

// metadataHash stands for the topics that the group reads: which exist, under which id, with how many partitions. It is compared with itself
// only: Apache Kafka's differs, and loading the other's log makes one more group epoch.
func (s *shard) metadataHash(g *consumerGroup) int64 {
	names := make(map[string]bool)
	for _, m := range g.members {
		for _, topic := range g.subscribedTopics(m, g.regexes) {
			names[topic] = true
		}
	}
	h, any := fnv.New64a(), false
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if id, ok := s.topics.TopicID(name); ok {
			any = true
			fmt.Fprintf(h, "%s\x00%s\x00%d\x00", name, id, s.topics.PartitionCount(name))
		}
	}
	if !any {
		return 0
	}
	return int64(h.Sum64())
}

// updateTarget computes a new target assignment if the group epoch asks for one. group.consumer.assignment.interval.ms makes that rarer when
// many members come and go; then the next heartbeat after the interval does it.
func (s *shard) updateTarget(g *consumerGroup) {
	if g.groupEpoch <= g.assignmentEpoch {
		return
	}
	since := s.now.UnixMilli() - g.assignmentTimestamp // negative where the wall clock was set back: it must not hold the group up until it has come there again
	if g.assignmentTimestamp > 0 && since >= 0 && since < s.cfg.consumerAssignment(g.groupID).Milliseconds() {
		return
	}
	a := s.preferredAssignor(g)
	target := a.assign(s.assignSpec(g))
	for _, memberID := range g.memberIDs() {
		if old, ok := g.target[memberID]; !ok || !old.equal(target[memberID]) {
			s.apply(targetRecord(g.groupID, memberID, target[memberID]))
		}
	}
	s.apply(assignmentEpochRecord(g.groupID, g.groupEpoch, s.now))
	s.log.Info("target assignment computed", "group", g.groupID, "epoch", g.groupEpoch, "assignor", a.name, "members", len(g.members))
}

// preferredAssignor is the one that most members ask for; the broker's first when nobody asks.
func (s *shard) preferredAssignor(g *consumerGroup) assignor {
	votes := make(map[string]int)
	best := s.cfg.ConsumerAssignors[0]
	for _, memberID := range g.memberIDs() {
		if name := g.members[memberID].serverAssignor; name != nil {
			if votes[*name]++; votes[*name] > votes[best] {
				best = *name
			}
		}
	}
	a, ok := assignorNamed(best)
	if !ok {
		a = assignors[0]
	}
	return a
}

func (s *shard) assignSpec(g *consumerGroup) assignSpec {
	spec := assignSpec{partitions: make(map[ident.TopicID]int32)}
	for _, memberID := range g.memberIDs() {
		m := g.members[memberID]
		am := assignMember{memberID: memberID, instanceID: m.instanceID, topics: make(map[ident.TopicID]bool), current: g.target[memberID]}
		for _, name := range g.subscribedTopics(m, g.regexes) {
			if id, ok := s.topics.TopicID(name); ok {
				am.topics[id] = true
				spec.partitions[id] = s.topics.PartitionCount(name)
			}
		}
		spec.members = append(spec.members, am)
	}
	return spec
}
