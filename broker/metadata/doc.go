// Package metadata holds what every node knows of the cluster: an immutable [Image], built from the records of the metadata log.
//
// Read [Image] first, then [Store]. A reader takes the image with one atomic load and may keep it as long as it likes; nothing
// in it ever changes:
//
//	records --> Builder --> (new Image, Delta) --> Store.Current()        readers: brokers' request handlers
//	                                          \--> Publisher.OnMetadata   actors: replica manager, coordinators, config
//
// An image is a tree of persistent maps. A change to one partition copies its topic and the path to it, and shares the other
// 9,999 topics with the image before. The controller uses the same type as its replicated state: what a broker will
// see after a record is committed is what the controller saw when it wrote it, by construction.
//
// The records are KRaft's own (package record). [Image.WriteSnapshot] writes the whole image as records, in the order in which Apache
// Kafka writes its snapshots, and a Builder reads it back.
//
// What is not here: who may see what (acl), what a config value means (config), and how records get committed (quorum).
package metadata
