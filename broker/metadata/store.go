package metadata

import (
	"sync/atomic"
)

// Publisher acts on changes of the metadata. OnMetadata is called for each new image in order, by the goroutine that applies records;
// the next change waits until it returns, so it must not block on the network or on a commit.
type Publisher interface {
	OnMetadata(delta *Delta, image *Image)
}

// PublisherFunc makes a function a Publisher.
type PublisherFunc func(delta *Delta, image *Image)

// OnMetadata calls f.
func (f PublisherFunc) OnMetadata(delta *Delta, image *Image) { f(delta, image) }

// Store holds the newest image and tells publishers of each new one.
type Store struct {
	current atomic.Pointer[Image]
}

// NewStore returns a store that holds the empty image.
func NewStore(clusterID string) *Store {
	s := &Store{}
	s.current.Store(NewImage(clusterID))
	return s
}

// Current returns the newest image: one atomic load.
func (s *Store) Current() *Image { return s.current.Load() }
