package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// The rules for listeners that change while the broker runs (KIP-226), with Apache Kafka's words:
//
//   - A listener that was not there is opened; one that is gone is closed, unless clients are told of it.
//   - One that stays keeps its security protocol. Where it is bound changes at the next start.

// listenerKeys are the dynamic keys that say which listeners there are.
var listenerKeys = []string{"listeners", "listener.security.protocol.map"}

// checkListeners refuses listeners that can't follow those in force, which l resolves to.
func (l *Layers) checkListeners(next *Layers) error {
	now, then := l.effective(), next.effective()
	if !slices.ContainsFunc(listenerKeys, func(key string) bool { return now.string(key) != then.string(key) }) {
		return nil
	}
	listeners, err := namedListeners(then)
	if err != nil {
		return err
	}
	if err := checkRoles(then, listeners); err != nil {
		return err
	}
	before, err := l.Resolve()
	if err != nil {
		return nil //nolint:nilerr // a broker whose configuration doesn't fit any more is mended by one that does
	}
	return checkSuccession(before.Network, listeners)
}

// namedListeners reads listeners and the protocol map.
func namedListeners(v values) ([]Listener, error) {
	protocols := make(map[string]string)
	const mapKey = "listener.security.protocol.map"
	for _, item := range splitList(v.string(mapKey)) {
		i := strings.LastIndexByte(item, ':')
		if i < 0 {
			return nil, noPair(mapKey, item)
		}
		name, protocol := strings.ToUpper(strings.TrimSpace(item[:i])), strings.TrimSpace(item[i+1:])
		if !slices.Contains(securityProtocols, strings.ToUpper(protocol)) {
			return nil, &InvalidError{Text: fmt.Sprintf("Invalid security protocol `%s` defined in %s", protocol, mapKey)}
		}
		protocols[name] = strings.ToUpper(protocol)
	}
	items := splitList(v.string("listeners"))
	wrong := func(format string, args ...any) error {
		return &InvalidError{Text: fmt.Sprintf("Error creating broker listeners from '[%s]': ", strings.Join(items, ", ")) + fmt.Sprintf(format, args...)}
	}
	var out []Listener
	for _, item := range items {
		one, err := parseListener(item)
		if err != nil {
			return nil, wrong("Unable to parse %s to a broker endpoint", item)
		}
		if one.Protocol = protocols[one.Name]; one.Protocol == "" {
			return nil, wrong("No security protocol defined for listener %s", one.Name)
		}
		out = append(out, one)
	}
	for i, a := range out {
		for _, b := range out[:i] {
			if a.Name == b.Name {
				return nil, wrong("Each listener must have a different name, listeners: [%s]", strings.Join(items, ", "))
			}
		}
	}
	for i, a := range out {
		for _, b := range out[:i] {
			if a.Port != 0 && a.Port == b.Port && !apart(a.Host, b.Host) {
				return nil, wrong("If you have two listeners on the same port then one needs to be IPv4 and the other IPv6, listeners: [%s], port: %d", strings.Join(items, ", "), a.Port)
			}
		}
	}
	return out, nil
}

// noPair is Apache Kafka's complaint about an entry of a map without a colon.
func noPair(key, item string) error {
	return &InvalidError{Text: fmt.Sprintf("Error parsing configuration property '%s': begin 0, end -1, length %d", key, len(item))}
}

// apart reports whether two hosts are addresses of different families, which may share a port.
func apart(a, b string) bool {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	return errX == nil && errY == nil && x.Is4() != y.Is4()
}

// checkRoles checks that the broker's and the controller's part each have the listeners they need.
func checkRoles(v values, listeners []Listener) error {
	failed := func(format string, args ...any) error {
		return &InvalidError{Text: "requirement failed: " + fmt.Sprintf(format, args...)}
	}
	roles := splitList(v.string("process.roles"))
	var controllers, brokers []string
	for _, name := range splitList(v.string("controller.listener.names")) {
		controllers = append(controllers, strings.ToUpper(name))
	}
	served := false
	for _, l := range listeners {
		switch {
		case !slices.Contains(controllers, l.Name):
			brokers = append(brokers, l.Name)
		case !slices.Contains(roles, "controller") && len(roles) > 0:
			return failed("controller.listener.names must not contain a value appearing in the 'listeners' configuration when running KRaft with just the broker role")
		default:
			served = true
		}
	}
	if slices.Contains(roles, "controller") && len(controllers) > 0 && !served {
		return failed("controller.listener.names must contain at least one value appearing in the 'listeners' configuration when running the KRaft controller role")
	}
	if advertised, ok := v["advertised.listeners"]; ok && strings.TrimSpace(advertised) != "" {
		return nil // can't change while the broker runs
	}
	if name := strings.ToUpper(v.string("inter.broker.listener.name")); name != "" && !slices.Contains(brokers, name) {
		return failed("inter.broker.listener.name must be a listener name defined in advertised.listeners. The valid options based on currently configured listeners are %s", strings.Join(brokers, ","))
	}
	if slices.ContainsFunc(listeners, func(l Listener) bool { return l.Host == "0.0.0.0" && slices.Contains(brokers, l.Name) }) {
		return failed("advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address.")
	}
	return nil
}

// checkSuccession checks what becomes of the listeners that there are.
func checkSuccession(before Network, listeners []Listener) error {
	at := func(name string) int {
		return slices.IndexFunc(listeners, func(l Listener) bool { return l.Name == name })
	}
	for _, told := range before.Advertised {
		if at(told.Name) < 0 {
			return dynamicRefusal(fmt.Sprintf("Advertised listeners '%s' must be a subset of listeners '%s'", setOf(before.Advertised), setOf(listeners)))
		}
	}
	for _, old := range before.Listeners {
		if i := at(old.Name); i >= 0 && listeners[i].Protocol != old.Protocol {
			return dynamicRefusal(fmt.Sprintf("Security protocol cannot be updated for existing listener ListenerName(%s)", old.Name))
		}
	}
	return nil
}

// setOf writes listeners as Scala does a set of their names.
func setOf(listeners []Listener) string {
	names := make([]string, len(listeners))
	for i, l := range listeners {
		names[i] = "ListenerName(" + l.Name + ")"
	}
	return "Set(" + strings.Join(names, ", ") + ")"
}

// checkConnectionLimits checks the limits of connections where they change.
func checkConnectionLimits(now, next values) error {
	for _, key := range []string{"max.connections", "max.connection.creation.rate"} {
		for _, name := range next.withListeners(key) {
			if text := strings.TrimSpace(next.string(name)); text == "0" && now.string(name) != text {
				return dynamicRefusal("Invalid " + key + " 0")
			}
		}
	}
	for _, item := range splitList(next.string("max.connections.per.ip.overrides")) {
		if !strings.Contains(item, ":") {
			return noPair("max.connections.per.ip.overrides", item)
		}
	}
	return noneForAnyone(next)
}

// noneForAnyone refuses a broker that nobody could connect to.
func noneForAnyone(v values) error {
	if v.string("max.connections.per.ip") == "0" && v.string("max.connections.per.ip.overrides") == "" {
		return &InvalidError{Text: "requirement failed: max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set."}
	}
	return nil
}

// withListeners is a key's name and all that it is set under for single listeners.
func (v values) withListeners(key string) []string {
	names := []string{key}
	for _, name := range sortedKeys(v) {
		if withoutListener(name) == key && name != key {
			names = append(names, name)
		}
	}
	return names
}

// string is the value of a key, empty if it has none; it may have a listener's prefix.
func (v values) string(name string) string {
	if text, ok := v[name]; ok {
		return text
	}
	text, _ := v.text(withoutListener(name))
	return text
}

// ForListener is the value of a key of type INT for one listener: listener.name.<name>.<key> where that is set, else the fallback.
func (b *Broker) ForListener(listener, key string, fallback int) int {
	n, err := strconv.ParseInt(b.values["listener.name."+strings.ToLower(listener)+"."+key], 10, 32)
	if err != nil {
		return fallback
	}
	return int(n)
}
