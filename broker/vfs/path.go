package vfs

import (
	"errors"
	"path/filepath"
)

var errTooLarge = errors.New("the file is larger than any file of its kind")

// Join puts a path together from its elements.
func Join(elem ...string) string { return filepath.Join(elem...) }

// Dir is the directory of a path.
func Dir(name string) string { return filepath.Dir(name) }

// Base is the last element of a path.
func Base(name string) string { return filepath.Base(name) }
