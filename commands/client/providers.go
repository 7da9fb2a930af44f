package client

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var reference = regexp.MustCompile(`\$\{([^}:]*):(?:([^}:]*):)?([^}]*?)\}`)

// resolve replaces ${provider:path:key} as Kafka's config providers do. env, file and dir (the classes that Kafka ships) work
// without being declared by config.providers; declared aliases follow their class.
func (p Properties) resolve() error {
	kinds := p.providers()
	for _, kind := range []string{"env", "file", "dir"} {
		kinds[kind] = kind
	}
	kinds["directory"] = "dir"
	return replace(p, kinds)
}

// Resolve replaces the references in other settings by what the config providers that p declares give. It returns the settings themselves
// if there is nothing to replace.
func (p Properties) Resolve(settings map[string]string) (map[string]string, error) {
	kinds := p.providers()
	if len(kinds) == 0 {
		return settings, nil
	}
	out := maps.Clone(settings)
	return out, replace(out, kinds)
}

// providers returns what kind of provider the aliases in config.providers are.
func (p Properties) providers() map[string]string {
	kinds := make(map[string]string)
	for name := range strings.SplitSeq(p["config.providers"], ",") {
		name = strings.TrimSpace(name)
		class := p["config.providers."+name+".class"]
		switch class[strings.LastIndexByte(class, '.')+1:] {
		case "EnvVarConfigProvider":
			kinds[name] = "env"
		case "FileConfigProvider":
			kinds[name] = "file"
		case "DirectoryConfigProvider":
			kinds[name] = "dir"
		}
	}
	return kinds
}

func replace(settings map[string]string, kinds map[string]string) error {
	for key, value := range settings {
		if !strings.Contains(value, "${") {
			continue
		}
		var failed error
		settings[key] = reference.ReplaceAllStringFunc(value, func(ref string) string {
			m := reference.FindStringSubmatch(ref)
			kind, known := kinds[m[1]]
			if !known {
				return ref
			}
			got, err := lookup(kind, m[2], m[3])
			if err != nil && failed == nil {
				failed = fmt.Errorf("%s: %s: %w", key, ref, err)
			}
			return got
		})
		if failed != nil {
			return failed
		}
	}
	return nil
}

func lookup(kind, path, key string) (string, error) {
	switch kind {
	case "env":
		v, ok := os.LookupEnv(key)
		if !ok {
			return "", fmt.Errorf("environment variable %s is not set", key)
		}
		return v, nil
	case "dir":
		if key != filepath.Base(key) {
			return "", fmt.Errorf("%s is not a plain file name", key)
		}
		b, err := os.ReadFile(filepath.Join(path, key))
		return string(b), err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	file, err := Parse(text)
	if err != nil {
		return "", err
	}
	v, ok := file[key]
	if !ok {
		return "", fmt.Errorf("no key %s in %s", key, path)
	}
	return v, nil
}

// Keys returns the names of the properties in order.
func (p Properties) Keys() []string {
	keys := make([]string, 0, len(p))
	for k := range p {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
