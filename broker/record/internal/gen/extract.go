package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// sources says which jars hold the messages of which tables, and what they are called there.
var recordSources = []struct{ jar, match, family string }{
	{"kafka-metadata-[0-9]*.jar", `common/metadata/.*\.json`, "metadata"},
	{"kafka-group-coordinator-[0-9]*.jar", `common/message/.*Key\.json`, "group-key"},
	{"kafka-group-coordinator-[0-9]*.jar", `common/message/.*Value\.json`, "group-value"},
	{"kafka-transaction-coordinator-[0-9]*.jar", `common/message/.*Key\.json`, "txn-key"},
	{"kafka-transaction-coordinator-[0-9]*.jar", `common/message/.*Value\.json`, "txn-value"},
	{"kafka-share-coordinator-[0-9]*.jar", `common/message/.*Key\.json`, "share-key"},
	{"kafka-share-coordinator-[0-9]*.jar", `common/message/.*Value\.json`, "share-value"},
	{"kafka-clients-[0-9]*.jar", `common/message/(SnapshotHeaderRecord|SnapshotFooterRecord|LeaderChangeMessage|VotersRecord|KRaftVersionRecord|EndTxnMarker|ControlRecordTypeSchema|DefaultPrincipalData|ConsumerProtocolSubscription|ConsumerProtocolAssignment)\.json`, "data"},
	{"kafka-raft-[0-9]*.jar", `common/message/QuorumStateData\.json`, "data"},
	{"kafka-storage-[0-9]*.jar", `message/Remote.*Record\.json`, "remote"},
}

type jsonMessage struct {
	APIKey           *int   `json:"apiKey"`
	Name             string `json:"name"`
	ValidVersions    string `json:"validVersions"`
	FlexibleVersions string `json:"flexibleVersions"`
	CommonStructs    []struct {
		Name   string      `json:"name"`
		Fields []jsonField `json:"fields"`
	} `json:"commonStructs"`
	Fields []jsonField `json:"fields"`
}

type jsonField struct {
	Name             string          `json:"name"`
	Type             string          `json:"type"`
	Versions         string          `json:"versions"`
	NullableVersions string          `json:"nullableVersions"`
	TaggedVersions   string          `json:"taggedVersions"`
	Tag              json.Number     `json:"tag"`
	Default          json.RawMessage `json:"default"`
	Ignorable        bool            `json:"ignorable"`
	Fields           []jsonField     `json:"fields"`
}

func extractRecords(jars string) ([]*message, error) {
	var all []*message
	for _, src := range recordSources {
		found, err := extractJar(filepath.Join(jars, src.jar), src.match, src.family)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// extractRequests reads the request schemas of several releases of kafka-clients, newest first. A version that the newest release dropped
// keeps the schema of the latest release that still had it, so one key may have several messages, with ranges that do not overlap.
func extractRequests(jars []string) ([]*message, error) {
	var all []*message
	for _, jar := range jars {
		found, err := extractJar(jar, `common/message/.*Request\.json`, "request")
		if err != nil {
			return nil, err
		}
		for _, m := range found {
			for _, known := range all {
				if known.key == m.key {
					m.valid.hi = min(m.valid.hi, known.valid.lo-1)
				}
			}
			if !m.valid.empty() {
				all = append(all, m)
			}
		}
	}
	slices.SortFunc(all, func(a, b *message) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.valid.lo, b.valid.lo)) })
	return all, nil
}

func extractJar(pattern, match, family string) ([]*message, error) {
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) != 1 {
		return nil, fmt.Errorf("%s names %d files, want one", pattern, len(paths))
	}
	jar, err := zip.OpenReader(paths[0])
	if err != nil {
		return nil, err
	}
	defer jar.Close() //nolint:errcheck // only read
	var found []*message
	wanted := regexp.MustCompile("^" + match + "$")
	for _, f := range jar.File {
		if !wanted.MatchString(f.Name) {
			continue
		}
		m, err := extractFile(f, family)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path.Base(f.Name), err)
		}
		if !m.valid.empty() {
			found = append(found, m)
		}
	}
	slices.SortFunc(found, func(a, b *message) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.name, b.name)) })
	return found, nil
}

var commentLine = regexp.MustCompile(`(?m)^\s*//.*$`)

func extractFile(f *zip.File, family string) (*message, error) {
	src, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer src.Close()
	raw, err := io.ReadAll(src)
	if err != nil {
		return nil, err
	}
	var j jsonMessage
	if err := json.Unmarshal(bytes.TrimSpace(commentLine.ReplaceAll(raw, nil)), &j); err != nil {
		return nil, err
	}
	m := &message{family: family, name: j.Name, key: -1}
	if j.APIKey != nil {
		m.key = *j.APIKey
	}
	if m.valid, err = parseVersions(j.ValidVersions); err != nil {
		return nil, err
	}
	if m.flexible, err = parseVersions(j.FlexibleVersions); err != nil {
		return nil, err
	}
	for _, s := range j.CommonStructs {
		fields, err := convertFields(s.Fields)
		if err != nil {
			return nil, err
		}
		m.structs = append(m.structs, &structure{s.Name, fields})
	}
	m.fields, err = convertFields(j.Fields)
	return m, err
}

func convertFields(in []jsonField) ([]*field, error) {
	var out []*field
	for _, j := range in {
		f := &field{name: strings.ToUpper(j.Name[:1]) + j.Name[1:], typ: j.Type, tag: -1, ignorable: j.Ignorable}
		if tag, err := j.Tag.Int64(); err == nil {
			f.tag = int(tag)
		}
		if j.Versions == "" { // a field that was born tagged may leave its versions out
			j.Versions = j.TaggedVersions
		}
		var err error
		for _, r := range []struct {
			from string
			to   *versions
		}{{j.Versions, &f.present}, {j.NullableVersions, &f.nullable}, {j.TaggedVersions, &f.tagged}} {
			if *r.to, err = parseVersions(r.from); err != nil {
				return nil, fmt.Errorf("field %s: %w", j.Name, err)
			}
		}
		// The word "null" is a default of null, the literal null is no default at all.
		if raw := string(j.Default); raw != "" && raw != "null" {
			f.def, f.hasDefault = strings.Trim(raw, `"`), true
		}
		if f.fields, err = convertFields(j.Fields); err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func writeTableFile(name, header string, messages []*message) error {
	var buf bytes.Buffer
	buf.WriteString(header)
	writeTable(&buf, messages)
	return os.WriteFile(name, buf.Bytes(), 0o644)
}
