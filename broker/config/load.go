package config

// LoadOptions say where a server's settings come from; a later source wins: File, Environ, Overrides.
type LoadOptions struct {
	File      string   // server.properties; empty: none
	Environ   []string // os.Environ(); KAFKA_... variables are read
	Overrides []string // --override k=v
}

// Load reads the sources, checks and resolves them. Warnings name unknown keys ("did you mean") and keys that Kafka has removed.
func Load(opts LoadOptions) (*Layers, *Broker, []Warning, error) { panic("not landed yet") }

// Warning is a setting that is accepted but deserves a word.
type Warning struct {
	Setting Setting
	Text    string
}
