//go:build !unix

package wire

// rawReader is empty where a socket's readiness can't be waited for without a buffer: an idle connection keeps its small one.
type rawReader struct{}

func (c *Conn) initRead() {}

// readSome reads at least one byte after in.w; it does not move in.w.
func (c *Conn) readSome() (int, error) {
	c.acquire()
	n, err := c.nc.Read(c.in.buf.b[c.in.w:])
	c.in.adapt(n)
	return n, err
}
