//go:build !linux

package wire

// writeMore writes b, after which more follows at once.
func (c *Conn) writeMore(b []byte) error {
	_, err := c.nc.Write(b)
	return err
}
