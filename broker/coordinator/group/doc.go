// Package group is the group coordinator: consumer groups and committed offsets, kept in __consumer_offsets.
package group
