package group

import (
	"maps"
	"slices"
)

// cleanup looks for offsets that have outlived offsets.retention.minutes, and for groups that have nothing left (KIP-211).
func (s *shard) cleanup() {
	for _, groupID := range slices.Sorted(maps.Keys(s.groups)) {
		g := s.groups[groupID]
		if s.expireOffsets(g) && g.is(stateEmpty) {
			s.log.Info("group removed: it has no members and no offsets", "group", groupID)
			s.write(groupTombstone(groupID))
		}
	}
}

// expireOffsets writes a tombstone for each expired offset and reports whether the group has none left.
func (s *shard) expireOffsets(g *classicGroup) bool {
	offsets, open := s.offsets.groups[g.groupID], s.offsets.open[g.groupID]
	if len(offsets) == 0 {
		return len(open) == 0
	}
	since := g.expirySince()
	if since == nil {
		return false
	}
	now, allExpired := s.now.UnixMilli(), true
	offsets.each(func(topic string, partition int32, o committed) {
		expired := now-since(o) >= s.cfg.OffsetsRetention.Milliseconds()
		if o.expireTimestamp != noExpireTimestamp {
			expired = now >= o.expireTimestamp
		}
		if !expired || g.isSubscribed(topic) || s.offsets.hasPending(g.groupID, topic, partition) {
			allExpired = false
			return
		}
		s.write(offsetTombstone(g.groupID, topic, partition))
	})
	return allExpired && len(open) == 0
}

// expirySince says from when an offset's retention counts; nil if the group's offsets don't expire now.
//
//   - a group without members: from when it became empty, or if that is not known, from the commit;
//   - a stable group of consumers: topics that nobody subscribes to any more, from the commit;
//   - a simple group: from the commit.
func (g *classicGroup) expirySince() func(committed) int64 {
	sinceCommit := func(o committed) int64 { return o.commitTimestamp }
	switch {
	case g.protocolType == "":
		return sinceCommit
	case g.is(stateEmpty) && !g.stateSince.IsZero():
		return func(committed) int64 { return g.stateSince.UnixMilli() }
	case g.is(stateEmpty):
		return sinceCommit
	case g.is(stateStable) && g.usesConsumerProtocol() && g.subscribed != nil:
		return sinceCommit
	default:
		return nil
	}
}
