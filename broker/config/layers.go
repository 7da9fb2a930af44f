package config

// Layers is everything that was set, before resolution. The zero value is a server without any setting.
type Layers struct {
	Static       []Setting         // file, environment, --override; a later one wins
	ClusterWide  map[string]string // dynamic config of the broker entity ""
	ThisBroker   map[string]string // dynamic config of this broker's id
	staticValues map[string]Setting
}

type values struct{}

// Resolve makes the configuration in force. An error lists every wrong value, each with its file, line, key, value and what is allowed.
func (l *Layers) Resolve() (*Broker, error) { panic("not landed yet") }

// Topic resolves a topic's configuration: its own settings (nil for none) over the broker's.
func (b *Broker) ResolveTopic(overrides map[string]string) (Topic, error) { panic("not landed yet") }
