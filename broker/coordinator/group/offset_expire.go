package group

import (
	"maps"
	"slices"
)

// cleanup looks for offsets that have outlived offsets.retention.minutes, and for groups that have nothing left (KIP-211).
func (s *shard) cleanup() {
	s.divisible = true
	for _, groupID := range slices.Sorted(maps.Keys(s.groups)) {
		g := s.groups[groupID]
		s.cleanupGroup(groupID, g.isSubscribed, g.expirySince())
	}
	for _, groupID := range slices.Sorted(maps.Keys(s.consumers)) {
		sinceCommit := func(o committed) int64 { return o.commitTimestamp }
		s.cleanupGroup(groupID, s.consumers[groupID].isSubscribed, sinceCommit)
	}
}

func (s *shard) cleanupGroup(groupID string, isSubscribed func(topic string) bool, since func(committed) int64) {
	if s.expireOffsets(groupID, isSubscribed, since) && s.isEmpty(groupID) {
		s.log.Info("group removed: it has no members and no offsets", "group", groupID)
		s.writeGroupTombstones(groupID)
	}
}

// expireOffsets writes a tombstone for each expired offset and reports whether the group has none left.
func (s *shard) expireOffsets(groupID string, isSubscribed func(topic string) bool, since func(committed) int64) bool {
	offsets, open := s.offsets.groups[groupID], s.offsets.open[groupID]
	if len(offsets) == 0 {
		return len(open) == 0
	}
	if since == nil {
		return false
	}
	now, allExpired := s.cfg.expiryNow(s.now).UnixMilli(), true
	offsets.each(func(topic string, partition int32, o committed) {
		expired := now-since(o) >= s.cfg.OffsetsRetention.Milliseconds()
		if o.expireTimestamp != noExpireTimestamp {
			expired = now >= o.expireTimestamp
		}
		if !expired || isSubscribed(topic) || s.offsets.hasPending(groupID, topic, partition) {
			allExpired = false
			return
		}
		s.write(offsetTombstone(groupID, topic, partition))
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
