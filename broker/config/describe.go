package config

// Entry is one row of a DescribeConfigs response.
type Entry struct {
	Name      string
	Value     *string // nil: null, or sensitive
	Source    Source
	Type      Type
	ReadOnly  bool
	Sensitive bool
	Doc       string
	Synonyms  []Synonym // from the strongest layer to the default
}

// Synonym is one layer's value for an Entry.
type Synonym struct {
	Name   string
	Value  *string
	Source Source
}

// DescribeTopic lists a topic's configuration, in name order; own is the topic's dynamic config.
func (l *Layers) DescribeTopic(own map[string]string) []Entry { panic("not landed yet") }

// DescribeBroker lists this broker's configuration, in name order.
func (l *Layers) DescribeBroker() []Entry { panic("not landed yet") }

// DescribeClusterWide lists the dynamic default config of all brokers (entity name "").
func (l *Layers) DescribeClusterWide() []Entry { panic("not landed yet") }

// DescribeGroup lists a group's configuration; own is the group's dynamic config.
func (l *Layers) DescribeGroup(own map[string]string) []Entry { panic("not landed yet") }

// ValidateTopic checks a topic's whole dynamic config, as CreateTopics and AlterConfigs get it. The error's text is Kafka's and its code
// is INVALID_CONFIG.
func (l *Layers) ValidateTopic(own map[string]string) error { panic("not landed yet") }

// ValidateBroker checks the dynamic config of one broker, or of all if clusterWide.
func (l *Layers) ValidateBroker(own map[string]string, clusterWide bool) error { panic("not landed yet") }

// ValidateGroup checks a group's dynamic config.
func (l *Layers) ValidateGroup(own map[string]string) error { panic("not landed yet") }
