package controller

import (
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
)

// maxTopicName leaves room in a directory name of 255 bytes for the partition and the suffix of a deleted one.
const maxTopicName = 249

// clusterMetadataTopic is the name of the metadata log, which is no topic.
const clusterMetadataTopic = "__cluster_metadata"

// validateTopicName refuses names that can't be a directory's or a metric's.
func validateTopicName(name string) error {
	var reason string
	switch {
	case name == "":
		reason = "the empty string is not allowed"
	case name == "." || name == "..":
		reason = "'" + name + "' is not allowed"
	case len(name) > maxTopicName:
		reason = "the length of '" + name + "' is longer than the max allowed length " + strconv.Itoa(maxTopicName)
	case strings.ContainsFunc(name, func(r rune) bool { return !isTopicRune(r) }):
		reason = "'" + name + "' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
	default:
		return nil
	}
	return failf(kerr.InvalidTopicException, "Topic name is invalid: %s", reason)
}

func isTopicRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-'
}
