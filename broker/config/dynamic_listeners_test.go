package config

import "testing"

// What becomes of listeners, and of limits of connections, that are set while the broker runs. The texts were taken from Apache Kafka 4.3.1.
func TestDynamicListenersAsApacheKafka(t *testing.T) {
	const (
		both  = "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"
		extra = both + ",EXTRA://127.0.0.1:9094"
	)
	static := map[string]string{
		"process.roles": "broker,controller", "node.id": "1", "listeners": both, "controller.listener.names": "CONTROLLER",
		"controller.quorum.voters": "1@127.0.0.1:9093", "inter.broker.listener.name": "PLAINTEXT",
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTRA:PLAINTEXT",
	}
	refusal := func(text string) string {
		return "Invalid value org.apache.kafka.common.config.ConfigException: " + text + " for configuration Invalid dynamic configuration"
	}
	creating := func(list, why string) string { return "Error creating broker listeners from '[" + list + "]': " + why }
	for name, c := range map[string]struct {
		now, next map[string]string
		want      string
	}{
		"added":            {nil, map[string]string{"listeners": extra}, ""},
		"the same":         {nil, map[string]string{"listeners": both}, ""},
		"another port":     {nil, map[string]string{"listeners": "PLAINTEXT://127.0.0.1:9099,CONTROLLER://127.0.0.1:9093"}, ""},
		"unknown protocol": {nil, map[string]string{"listeners": both + ",NEW://:1"}, creating("PLAINTEXT://127.0.0.1:9092, CONTROLLER://127.0.0.1:9093, NEW://:1", "No security protocol defined for listener NEW")},
		"no listener":      {nil, map[string]string{"listeners": both + ",EXTRA"}, creating("PLAINTEXT://127.0.0.1:9092, CONTROLLER://127.0.0.1:9093, EXTRA", "Unable to parse EXTRA to a broker endpoint")},
		"one name twice": {
			nil,
			map[string]string{"listeners": extra + ",EXTRA://127.0.0.1:9095"},
			creating("PLAINTEXT://127.0.0.1:9092, CONTROLLER://127.0.0.1:9093, EXTRA://127.0.0.1:9094, EXTRA://127.0.0.1:9095", "Each listener must have a different name, listeners: [PLAINTEXT://127.0.0.1:9092, CONTROLLER://127.0.0.1:9093, EXTRA://127.0.0.1:9094, EXTRA://127.0.0.1:9095]"),
		},
		"one port twice": {
			nil,
			map[string]string{"listeners": both + ",EXTRA://127.0.0.1:9092"},
			creating("PLAINTEXT://127.0.0.1:9092, CONTROLLER://127.0.0.1:9093, EXTRA://127.0.0.1:9092", "If you have two listeners on the same port then one needs to be IPv4 and the other IPv6, listeners: [PLAINTEXT://127.0.0.1:9092, CONTROLLER://127.0.0.1:9093, EXTRA://127.0.0.1:9092], port: 9092"),
		},
		"without the controller's": {nil, map[string]string{"listeners": "PLAINTEXT://127.0.0.1:9092"}, "requirement failed: controller.listener.names must contain at least one value appearing in the 'listeners' configuration when running the KRaft controller role"},
		"without the brokers'":     {nil, map[string]string{"listeners": "CONTROLLER://127.0.0.1:9093,EXTRA://127.0.0.1:9094"}, "requirement failed: inter.broker.listener.name must be a listener name defined in advertised.listeners. The valid options based on currently configured listeners are EXTRA"},
		"on all addresses":         {nil, map[string]string{"listeners": "PLAINTEXT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093"}, "requirement failed: advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address."},
		"one that clients know goes": {
			map[string]string{"listeners": extra},
			map[string]string{"listeners": both},
			refusal("Advertised listeners 'Set(ListenerName(PLAINTEXT), ListenerName(EXTRA))' must be a subset of listeners 'Set(ListenerName(PLAINTEXT), ListenerName(CONTROLLER))'"),
		},
		"one goes with the whole key": {
			map[string]string{"listeners": extra},
			map[string]string{},
			refusal("Advertised listeners 'Set(ListenerName(PLAINTEXT), ListenerName(EXTRA))' must be a subset of listeners 'Set(ListenerName(PLAINTEXT), ListenerName(CONTROLLER))'"),
		},
		"another security protocol": {
			map[string]string{"listeners": extra},
			map[string]string{"listeners": extra, "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTRA:SSL"},
			refusal("Security protocol cannot be updated for existing listener ListenerName(EXTRA)"),
		},
		"no such protocol":         {nil, map[string]string{"listener.security.protocol.map": "PLAINTEXT:NOPE"}, "Invalid security protocol `NOPE` defined in listener.security.protocol.map"},
		"no map":                   {nil, map[string]string{"listener.security.protocol.map": "PLAINTEXT"}, "Error parsing configuration property 'listener.security.protocol.map': begin 0, end -1, length 9"},
		"advertised":               {nil, map[string]string{"advertised.listeners": both}, "Cannot update these configs dynamically: [advertised.listeners]"},
		"no connections":           {nil, map[string]string{"max.connections": "0"}, refusal("Invalid max.connections 0")},
		"none at a listener":       {nil, map[string]string{"listener.name.plaintext.max.connections": "0"}, refusal("Invalid max.connections 0")},
		"fewer than none":          {nil, map[string]string{"max.connections": "-5"}, "Invalid value -5 for configuration max.connections: Value must be at least 0"},
		"never a new one":          {nil, map[string]string{"max.connection.creation.rate": "0"}, refusal("Invalid max.connection.creation.rate 0")},
		"none per address":         {nil, map[string]string{"max.connections.per.ip": "0"}, "requirement failed: max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set."},
		"but for one":              {nil, map[string]string{"max.connections.per.ip": "0", "max.connections.per.ip.overrides": "127.0.0.1:100"}, ""},
		"an override without any":  {nil, map[string]string{"max.connections.per.ip.overrides": "127.0.0.1"}, "Error parsing configuration property 'max.connections.per.ip.overrides': begin 0, end -1, length 9"},
		"a listener's own limits":  {nil, map[string]string{"listener.name.extra.max.connections": "3", "listener.name.extra.max.connection.creation.rate": "3"}, ""},
		"of a listener that's not": {nil, map[string]string{"listener.name.nosuch.max.connections": "3"}, ""},
	} {
		layers := &Layers{ThisBroker: c.now}
		for _, key := range sortedKeys(static) {
			layers.Static = append(layers.Static, Setting{Key: key, Value: static[key]})
		}
		got := ""
		if err := layers.ValidateBroker(c.next, false); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s:\n got  %s\n want %s", name, got, c.want)
		}
	}
}

// A listener that advertised.listeners leaves out may go.
func TestAListenerThatNobodyIsToldOfMayGo(t *testing.T) {
	layers := &Layers{
		Static: []Setting{
			{Key: "broker.id", Value: "1"},
			{Key: "advertised.listeners", Value: "PLAINTEXT://h:1"},
			{Key: "listeners", Value: "PLAINTEXT://:1"},
			{Key: "listener.security.protocol.map", Value: "PLAINTEXT:PLAINTEXT,EXTRA:PLAINTEXT"},
		},
		ThisBroker: map[string]string{"listeners": "PLAINTEXT://:1,EXTRA://:2"},
	}
	if err := layers.ValidateBroker(nil, false); err != nil {
		t.Error(err)
	}
}

func TestALimitForOneListener(t *testing.T) {
	layers := &Layers{
		Static:     []Setting{{Key: "broker.id", Value: "1"}, {Key: "listener.name.plaintext.max.connections", Value: "7"}},
		ThisBroker: map[string]string{"listener.name.plaintext.max.connection.creation.rate": " 5"},
	}
	b, err := layers.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	if n := b.ForListener("PLAINTEXT", "max.connections", 3); n != 7 {
		t.Errorf("static: %d", n)
	}
	if n := b.ForListener("PLAINTEXT", "max.connection.creation.rate", 3); n != 5 {
		t.Errorf("dynamic: %d", n)
	}
	if n := b.ForListener("OTHER", "max.connections", 3); n != 3 {
		t.Errorf("of another listener: %d", n)
	}
}
