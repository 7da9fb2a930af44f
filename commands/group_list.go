package commands

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
)

// groupListing is a group in a list.
type groupListing struct {
	Group    string `json:"group"`
	Type     string `json:"type"` // Classic, Consumer, Share or Streams
	State    string `json:"state"`
	Protocol string `json:"-"`
}

// listGroups lists the groups that are wanted, by name. Brokers before 3.8 name no type: theirs are all classic.
func listGroups(ctx context.Context, cl *client.Client, wanted func(groupListing) bool) ([]groupListing, error) {
	groups := []groupListing{}
	for _, shard := range cl.RequestSharded(ctx, kmsg.NewPtrListGroupsRequest()) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		resp := shard.Resp.(*kmsg.ListGroupsResponse)
		if err := serverError(resp.ErrorCode, nil); err != nil {
			return nil, err
		}
		for _, g := range resp.Groups {
			kind := first(strings.ToLower(g.GroupType), "classic")
			if listed := (groupListing{g.Group, strings.ToUpper(kind[:1]) + kind[1:], g.GroupState, g.ProtocolType}); wanted(listed) {
				groups = append(groups, listed)
			}
		}
	}
	slices.SortFunc(groups, func(a, b groupListing) int { return strings.Compare(a.Group, b.Group) })
	return groups, nil
}

// groupStateView is one group of kgo share-groups --list and of kgo streams-groups --list.
type groupStateView struct {
	Group string `json:"group"`
	State string `json:"state"`
}

// list prints the names of the type's groups, or with their states those that are in one of the given ones.
func (o *groupTool) list(ctx context.Context, cl *client.Client) error {
	groups, err := o.existing(ctx, cl)
	if err != nil {
		return err
	}
	views := []groupStateView{}
	for _, g := range groups {
		if o.States == nil || slices.Contains(o.States, strings.ToLower(g.State)) {
			views = append(views, groupStateView{g.Group, g.State})
		}
	}
	return o.Output.write(o.IO.Out, views, func(w io.Writer) error {
		rows := [][]string{{"GROUP", "STATE"}}
		for _, v := range views {
			rows = append(rows, []string{v.Group, v.State})
		}
		if o.ShowState {
			printTable(w, []int{15, 0}, rows, "")
			return nil
		}
		for _, v := range views {
			fmt.Fprintln(w, v.Group)
		}
		return nil
	})
}

func namesOf(groups []groupListing) []string {
	names := make([]string, 0, len(groups))
	for _, g := range groups {
		names = append(names, g.Group)
	}
	return names
}

// sortedSet returns the words once each, in order.
func sortedSet(words []string) []string {
	words = slices.Clone(words)
	slices.Sort(words)
	return slices.Compact(words)
}
