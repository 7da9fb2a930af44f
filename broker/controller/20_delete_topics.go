package controller

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/record"
)

// DeleteTopics: v1-v6
//
// Deletes topics by name, or by id (KIP-516), with their configs. Brokers delete the data when they see the record.
//
//   - A name or id that comes twice is refused, and so is a topic given both ways.
//   - delete.topic.enable=false refuses all.
//
// v5: error messages. v6: topic ids.
func (c *call) deleteTopics(req *kmsg.DeleteTopicsRequest) (Result, error) {
	if c.cfg.DisableTopicDeletion {
		if req.Version < 3 {
			return Result{}, failf(kerr.InvalidRequest, "This version does not support topic deletion.")
		}
		return Result{}, fail(kerr.TopicDeletionDisabled)
	}
	resp := responseTo[*kmsg.DeleteTopicsResponse](req)
	rows := req.Topics
	if req.Version < 6 {
		rows = make([]kmsg.DeleteTopicsRequestTopic, len(req.TopicNames))
		for i := range rows {
			rows[i].Topic = &req.TopicNames[i]
		}
	}
	d := newDeletions(c.image, rows)
	for _, row := range rows {
		topic, id, err, answer := d.resolve(c, row)
		if !answer {
			continue
		}
		if err == nil {
			err = c.deleteTopic(id)
		}
		out := kmsg.NewDeleteTopicsResponseTopic()
		out.Topic, out.TopicID, out.ErrorCode, out.ErrorMessage = topic, id, errorCode(err), errorMessage(err)
		resp.Topics = append(resp.Topics, out)
	}
	return Result{Records: c.out, Response: resp, Atomic: true}, nil
}

func (c *call) deleteTopic(id ident.TopicID) error {
	if err := c.chargePartitions(len(c.image.TopicByID(id).Partitions)); err != nil {
		return err
	}
	c.emit(&record.RemoveTopicRecord{TopicId: id}, 0)
	return nil
}

// deletions finds out which rows of a request mean the same topic.
type deletions struct {
	names  nameSet
	ids    map[ident.TopicID]int  // how often each id was given
	byName map[ident.TopicID]bool // ids of the topics that were given by name
	done   map[ident.TopicID]bool // duplicate ids that were answered
	said   map[string]bool        // duplicate names that were answered
}

func newDeletions(image *metadata.Image, rows []kmsg.DeleteTopicsRequestTopic) *deletions {
	d := &deletions{
		ids: make(map[ident.TopicID]int), byName: make(map[ident.TopicID]bool),
		done: make(map[ident.TopicID]bool), said: make(map[string]bool),
	}
	var names []string
	for _, row := range rows {
		switch {
		case row.Topic == nil:
			d.ids[row.TopicID]++
		case row.TopicID == [16]byte{}:
			names = append(names, *row.Topic)
		}
	}
	d.names = newNameSet(names, func(n string) string { return n })
	for _, name := range names {
		if t := image.Topic(name); t != nil && d.names.once(name) {
			d.byName[t.ID] = true
		}
	}
	return d
}

// resolve says which topic a row means, or why it can't be deleted; answer is false where an earlier row has said it.
func (d *deletions) resolve(c *call, row kmsg.DeleteTopicsRequestTopic) (name *string, id ident.TopicID, err error, answer bool) {
	id = row.TopicID
	switch {
	case row.Topic == nil && id.IsZero():
		return nil, id, failf(kerr.InvalidRequest, "Neither topic name nor id were specified."), true
	case row.Topic != nil && !id.IsZero():
		return row.Topic, id, failf(kerr.InvalidRequest, "You may not specify both topic name and topic id."), true
	case row.Topic != nil:
		return d.resolveName(c, *row.Topic)
	}
	if d.ids[id] > 1 {
		err, answer = failf(kerr.InvalidRequest, "Duplicate topic id."), !d.done[id]
		d.done[id] = true
		return nil, id, err, answer
	}
	if d.byName[id] {
		return nil, id, nil, false // the row with the name answers
	}
	t := c.image.TopicByID(id)
	if t == nil {
		return nil, id, failf(kerr.UnknownTopicID, "This server does not host this topic ID."), true
	}
	return &t.Name, id, nil, true
}

func (d *deletions) resolveName(c *call, name string) (*string, ident.TopicID, error, bool) {
	if d.names.duplicate(name) {
		said := d.said[name]
		d.said[name] = true
		return &name, ident.TopicID{}, failf(kerr.InvalidRequest, "Duplicate topic name."), !said
	}
	t := c.image.Topic(name)
	if t == nil {
		return &name, ident.TopicID{}, failf(kerr.UnknownTopicOrPartition, "This server does not host this topic-partition."), true
	}
	if d.ids[t.ID] > 0 {
		return &name, t.ID, failf(kerr.InvalidRequest, "The provided topic name maps to an ID that was already supplied."), true
	}
	return &name, t.ID, nil, true
}
