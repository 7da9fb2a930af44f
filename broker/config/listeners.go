package config

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// parseListeners reads "CLIENT://host:port" entries. The host may be empty, and an IPv6 address in brackets.
func parseListeners(items []string, protocols map[string]string) ([]Listener, error) {
	var out []Listener
	for _, item := range items {
		l, err := parseListener(item)
		if err != nil {
			return nil, err
		}
		if l.Protocol = protocols[l.Name]; l.Protocol == "" {
			return nil, fmt.Errorf("No security protocol defined for listener %s: add it to listener.security.protocol.map, for instance %s:PLAINTEXT", l.Name, l.Name) //nolint:staticcheck // begins as Kafka's text
		}
		if slices.ContainsFunc(out, func(o Listener) bool { return o.Name == l.Name }) {
			return nil, fmt.Errorf("each listener must have a different name: %s is given twice", l.Name)
		}
		out = append(out, l)
	}
	return out, nil
}

func parseListener(item string) (Listener, error) {
	name, addr, ok := strings.Cut(item, "://")
	if !ok || name == "" {
		return Listener{}, fmt.Errorf("%q is no listener: it must look like PLAINTEXT://host:9092 or PLAINTEXT://:9092", item)
	}
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return Listener{}, fmt.Errorf("%q is no listener: %q must be host:port, with an IPv6 address in brackets", item, addr)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return Listener{}, fmt.Errorf("%q is no listener: the port must be a number from 0 to 65535", item)
	}
	return Listener{Name: strings.ToUpper(name), Host: host, Port: int32(port)}, nil
}

// checkPorts refuses two listeners on one address. Port 0 and different hosts may repeat.
func checkPorts(listeners []Listener) error {
	for i, a := range listeners {
		for _, b := range listeners[:i] {
			if a.Port != 0 && a.Port == b.Port && (a.Host == b.Host || a.Host == "" || b.Host == "") {
				return fmt.Errorf("each listener must have a different port: %s and %s both have %d", b.Name, a.Name, a.Port)
			}
		}
	}
	return nil
}

var securityProtocols = []string{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}

// parseProtocolMap reads listener.security.protocol.map.
func parseProtocolMap(value string) (map[string]string, error) {
	m := make(map[string]string)
	for _, item := range splitList(value) {
		name, protocol, ok := strings.Cut(item, ":")
		name, protocol = strings.ToUpper(strings.TrimSpace(name)), strings.ToUpper(strings.TrimSpace(protocol))
		if !ok || name == "" || !slices.Contains(securityProtocols, protocol) {
			return nil, fmt.Errorf("%q is no entry: it must look like NAME:PROTOCOL, with one of %s", item, strings.Join(securityProtocols, ", "))
		}
		m[name] = protocol
	}
	return m, nil
}

// parseVoters reads controller.quorum.voters: id@host:port.
func parseVoters(items []string) ([]Voter, error) {
	var out []Voter
	for _, item := range items {
		id, addr, ok := strings.Cut(item, "@")
		n, err := strconv.ParseInt(id, 10, 32)
		hp, herr := parseHostPort(addr)
		if !ok || err != nil || herr != nil {
			return nil, &InvalidError{Text: "Invalid configuration value for controller.quorum.voters. Each entry should be in the form `{id}@{host}:{port}`."}
		}
		out = append(out, Voter{ID: int32(n), HostPort: hp})
	}
	if text := contradiction(out); text != "" {
		return nil, &InvalidError{Text: "Invalid configuration value for controller.quorum.voters. " + text}
	}
	return out, nil
}

// contradiction says what two of the voters must not have in common, "" if all is well.
func contradiction(voters []Voter) string {
	for i, a := range voters {
		for _, b := range voters[:i] {
			switch {
			case a.ID == b.ID:
				return fmt.Sprintf("Node id %d is given twice.", a.ID)
			case a.HostPort == b.HostPort:
				return fmt.Sprintf("Nodes %d and %d can't both be at %s.", b.ID, a.ID, a.HostPort)
			}
		}
	}
	return ""
}

// parseHostPorts reads a list of host:port.
func parseHostPorts(key string, items []string) ([]HostPort, error) {
	var out []HostPort
	for _, item := range items {
		hp, err := parseHostPort(item)
		if err != nil {
			return nil, &InvalidError{Text: fmt.Sprintf("Failed to parse host name from %s for the configuration %s. Each entry should be in the form \"{host}:{port}\"", item, key)}
		}
		out = append(out, hp)
	}
	return out, nil
}

var errNoHostPort = errors.New("not host:port")

func parseHostPort(s string) (HostPort, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil || host == "" {
		return HostPort{}, errNoHostPort
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return HostPort{}, errNoHostPort
	}
	return HostPort{Host: host, Port: int32(n)}, nil
}

// zookeeperPort is where an entry of zookeeper.connect without a port is.
const zookeeperPort = 2181

// parseZooKeeper reads zookeeper.connect: host:port,host:port/chroot.
func parseZooKeeper(value string) (servers []HostPort, chroot string, err error) {
	hosts, path, found := strings.Cut(value, "/")
	if found && strings.Trim(path, "/") != "" {
		chroot = "/" + strings.Trim(path, "/")
	}
	for _, item := range splitList(hosts) {
		hp, err := parseHostPort(item)
		if err != nil && item != "" && strings.Count(item, ":") == 0 {
			hp, err = HostPort{Host: item, Port: zookeeperPort}, nil
		}
		if err != nil {
			return nil, "", fmt.Errorf("%q is no address: it must look like host:2181", item)
		}
		servers = append(servers, hp)
	}
	return servers, chroot, nil
}

// parsePerIP reads max.connections.per.ip.overrides: host:limit.
func parsePerIP(value string) (map[string]int, error) {
	m := make(map[string]int)
	for _, item := range splitList(value) {
		i := strings.LastIndexByte(item, ':')
		if i <= 0 {
			return nil, fmt.Errorf("%q is no entry: it must look like host:limit", item)
		}
		n, err := strconv.ParseInt(strings.TrimSpace(item[i+1:]), 10, 32)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%q is no entry: the limit must be an integer, at least 0", item)
		}
		m[strings.Trim(strings.TrimSpace(item[:i]), "[]")] = int(n)
	}
	return m, nil
}

// String is host:port, with an IPv6 address in brackets.
func (h HostPort) String() string { return net.JoinHostPort(h.Host, strconv.Itoa(int(h.Port))) }

// Address is what to listen on.
func (l Listener) Address() string { return net.JoinHostPort(l.Host, strconv.Itoa(int(l.Port))) }

// String is the listener's form in a file.
func (l Listener) String() string { return l.Name + "://" + l.Address() }
