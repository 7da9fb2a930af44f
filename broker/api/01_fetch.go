package api

// Fetch, v0-v18: read records, as a consumer or as a follower.
//
//   - An answer waits until min_bytes have come together or max_wait is over. Errors don't wait.
//   - A consumer beyond its quota gets no records, and is told when to ask again (KIP-13, KIP-219).
//   - v0-v3 get message sets of the formats 0 (v0, v1) and 1, converted. v3 max_bytes for the whole answer; before, the limits are
//     hard, and a batch larger than them can't be read.
//   - v4 read_committed (KIP-98). v7 sessions (KIP-227): only what changed is asked and told. v9 leader epochs (KIP-320).
//   - v11 consumers say where they are, and may be sent to a nearer replica (KIP-392).
//   - v12 followers and consumers learn from a fetch that their log has diverged (KIP-595).
//   - v13 topics by id (KIP-516). v15 the follower's epoch (KIP-903). v16 says who leads instead (KIP-951). v18 the follower's high watermark (KIP-1166).
//
// The records of an answer are ranges of the segment files; see 01_fetch_encode.go.
//
// Not implemented: tiered storage, and so OFFSET_MOVED_TO_TIERED_STORAGE.

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/quota"
	"github.com/kgo-project/kgo/broker/replica"
	"github.com/kgo-project/kgo/broker/wire"
)

// Fetch handles API key 1.
func (d *Data) Fetch(r *wire.Request) {
	req := r.Body.(*kmsg.FetchRequest)
	image := d.Metadata.Current()
	params := d.fetchParams(r, req)
	follower := params.ReplicaID >= 0
	if follower && !d.allowed(r, opClusterAction, resourceCluster, clusterName) {
		d.fetchRefused(r, kerr.ClusterAuthorizationFailed)
		return
	}
	session := replica.SessionRequest{ID: req.SessionID, Epoch: req.SessionEpoch, FromFollower: follower, UsesTopicIDs: r.Version >= 13}
	if r.Version < 7 {
		session.ID, session.Epoch = 0, -1
	}
	session.Partitions = fetchPartitions(req, image, r.Version)
	session.Forgotten = forgottenPartitions(req, image, r.Version)
	ctx := d.Replica.Sessions().Begin(session, func(id ident.TopicID) string {
		if t := image.TopicByID(id); t != nil {
			return t.Name
		}
		return ""
	}, time.Now())
	if ctx.Err != nil {
		d.fetchRefused(r, ctx.Err)
		return
	}
	for i := range ctx.Partitions {
		p := &ctx.Partitions[i]
		switch {
		case session.UsesTopicIDs && p.TopicPartition.Topic == "":
			p.Err = kerr.UnknownTopicID
		case !follower && !d.topicAllowed(r, opRead, p.TopicPartition.Topic):
			p.Err = kerr.TopicAuthorizationFailed
		}
	}
	hurry := d.Replica.Fetch(params, ctx.Partitions, func(results []replica.FetchResult) { d.fetched(r, image, ctx, results) })
	if hurry != nil {
		// DEVIATION(kafka): a fetch that waits for records holds up no other request of its connection; Apache Kafka reads that after the wait.
		r.OnFollowed(hurry)
	}
}

// fetchParams takes over what applies to the whole request.
func (d *Data) fetchParams(r *wire.Request, req *kmsg.FetchRequest) replica.FetchParams {
	params := replica.FetchParams{
		ReplicaID: ident.BrokerID(req.ReplicaID), ReplicaEpoch: -1,
		MaxWait: milliseconds(req.MaxWaitMillis), MinBytes: int(req.MinBytes), MaxBytes: d.FetchMaxBytes,
		Isolation: replica.Isolation(req.IsolationLevel), HardMaxBytes: r.Version < 3,
	}
	if r.Version >= 15 {
		params.ReplicaID, params.ReplicaEpoch = ident.BrokerID(req.ReplicaState.ID), req.ReplicaState.Epoch
	}
	if r.Version >= 3 {
		params.MaxBytes = min(params.MaxBytes, int(req.MaxBytes))
	}
	if params.ReplicaID < 0 {
		params.MaxBytes = min(params.MaxBytes, d.Quotas.MostAtOnce(quota.Fetch, quotaClient(r)))
	}
	params.MinBytes = min(params.MinBytes, params.MaxBytes)
	if r.Version >= 11 && params.ReplicaID == ident.NoBroker {
		params.Client = &replica.ClientMetadata{RackID: strings.Clone(req.Rack), ClientID: strings.Clone(clientIDOf(r)), Principal: r.Conn.Principal().String(), Listener: r.Conn.Listener().Name}
	}
	return params
}

// topicName returns a topic's name as the image has it, since the request's own strings don't outlive it; "" for an unknown id.
func topicName(image *metadata.Image, name string, id ident.TopicID, version int16) string {
	if version >= 13 {
		if t := image.TopicByID(id); t != nil {
			return t.Name
		}
		return ""
	}
	if t := image.Topic(name); t != nil {
		return t.Name
	}
	return strings.Clone(name)
}

func fetchPartitions(req *kmsg.FetchRequest, image *metadata.Image, version int16) []replica.FetchPartition {
	n := 0
	for i := range req.Topics {
		n += len(req.Topics[i].Partitions)
	}
	all := make([]replica.FetchPartition, 0, n)
	for i := range req.Topics {
		t := &req.Topics[i]
		name := topicName(image, t.Topic, t.TopicID, version)
		for k := range t.Partitions {
			p := &t.Partitions[k]
			fp := replica.FetchPartition{
				TopicPartition: ident.TopicPartition{Topic: name, Partition: p.Partition}, TopicID: t.TopicID,
				CurrentLeaderEpoch: p.CurrentLeaderEpoch, FetchOffset: p.FetchOffset, LastFetchedEpoch: p.LastFetchedEpoch,
				LogStartOffset: p.LogStartOffset, HighWatermark: math.MaxInt64, MaxBytes: int(p.PartitionMaxBytes),
			}
			if version < 9 {
				fp.CurrentLeaderEpoch = -1
			}
			if version < 12 {
				fp.LastFetchedEpoch = -1
			}
			if version >= 18 {
				fp.HighWatermark = p.HighWatermark
			}
			all = append(all, fp)
		}
	}
	return all
}

func forgottenPartitions(req *kmsg.FetchRequest, image *metadata.Image, version int16) []replica.FetchPartition {
	var all []replica.FetchPartition
	for i := range req.ForgottenTopics {
		t := &req.ForgottenTopics[i]
		name := topicName(image, t.Topic, t.TopicID, version)
		for _, p := range t.Partitions {
			all = append(all, replica.FetchPartition{TopicPartition: ident.TopicPartition{Topic: name, Partition: p}, TopicID: t.TopicID})
		}
	}
	return all
}

// fetchRefused answers a fetch that failed as a whole.
func (d *Data) fetchRefused(r *wire.Request, err error) {
	resp := respondKind[*kmsg.FetchResponse](r)
	resp.ErrorCode = wire.ErrorCode(err)
	if r.Version < 7 { // no field for it
		r.Close(fmt.Errorf("fetch: %w", err))
		return
	}
	r.Respond(resp)
}

// fetched answers the request.
func (d *Data) fetched(r *wire.Request, image *metadata.Image, ctx *replica.FetchContext, results []replica.FetchResult) {
	if wait := d.fetchQuota(r, ctx, results); wait > 0 {
		replica.ReleaseAll(results)
		r.Throttle(wait)
		r.RespondPayload(encodeFetch(r.Version, int32(wait.Milliseconds()), ctx.SessionID(), nil, nil))
		return
	}
	sessionID, told, err := ctx.Finish(results, time.Now())
	if err != nil {
		replica.ReleaseAll(results)
		d.fetchRefused(r, err)
		return
	}
	leaders := endpoints{image: image, listener: r.Conn.Listener().Name}
	rows := make([]fetchRow, 0, len(results))
	for i := range results {
		if told != nil && !told[i] {
			continue
		}
		p := &ctx.Partitions[i]
		row := fetchRow{FetchResult: &results[i], topic: p.TopicPartition.Topic, topicID: p.TopicID, partition: p.TopicPartition.Partition, fetchOffset: p.FetchOffset}
		if r.Version < 16 || !leaders.add(row.Leader) {
			row.Leader = replica.NoHint
		}
		rows = append(rows, row)
	}
	respond := func() {
		d.countFetched(r, rows)
		r.RespondPayload(encodeFetch(r.Version, 0, sessionID, rows, leaders.list))
	}
	if r.Version < 4 {
		go d.convertAll(r, rows, respond)
		return
	}
	respond()
}

// maxDownConverted bounds what one batch may unfold to when it is rewritten for an old client.
const maxDownConverted = 64 << 20

// convertAll rewrites the records of a response for an old client. They are in memory until they are sent, and are counted as requests are: many such
// clients at a time wait for each other.
func (d *Data) convertAll(r *wire.Request, rows []fetchRow, respond func()) {
	size := 0
	for i := range rows {
		if records := rows[i].Records; records != nil {
			size += 2 * records.Size() // as they are, and as they will be
		}
	}
	if err := r.Reserve(size); err != nil {
		for i := range rows {
			if rows[i].Records != nil {
				rows[i].Records.Release()
				rows[i].Records = nil
			}
		}
		r.Close(err)
		return
	}
	size = 0
	for i := range rows {
		row := &rows[i]
		row.converted, row.Err = downConvert(row.FetchResult, r.Version, row.fetchOffset)
		size += cap(row.converted)
	}
	r.Reserved(size)
	respond()
}

// downConvert rewrites a result's records in a format that the client's version knows. It takes the file range's place.
func downConvert(result *replica.FetchResult, version int16, fromOffset int64) ([]byte, error) {
	if result.Records == nil || result.Err != nil {
		return nil, result.Err
	}
	raw, err := result.Records.Bytes(nil)
	result.Records.Release()
	result.Records = nil
	if err != nil {
		return nil, err
	}
	magic := batch.MagicV1
	if version < 2 {
		magic = batch.MagicV0
	}
	var out []byte
	for len(raw) > 0 {
		b, rest, err := batch.Next(raw)
		if err != nil {
			break // the last batch may be cut; what is in an old format goes no further
		}
		if out, err = batch.DownConvert(out, b, magic, fromOffset, maxDownConverted); err != nil {
			return nil, err
		}
		raw = rest
	}
	return out, nil //nolint:nilerr // what came before a cut batch is the answer
}
