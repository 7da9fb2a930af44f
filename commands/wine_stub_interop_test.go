//go:build interop

package commands

import (
	"bytes"
	"encoding/binary"
)

// forwardingDLL is a Windows library (amd64) that has no code: its one export is another library's function.
//
// Go's runtime asks bcryptprimitives.dll for ProcessPrng, a library that Wine has since version 9 and Debian 12 has not.
// advapi32's SystemFunction036, also known as RtlGenRandom, takes the same arguments and does the same.
func forwardingDLL(name, export, target string) []byte {
	const (
		headers, section = 0x200, 0x1000 // where the section lies in the file and in memory
		optionalSize     = 112 + 16*8
	)
	// The section holds the export directory and the names it points to.
	var body bytes.Buffer
	const functions, names, ordinals, texts = 40, 44, 48, 52
	nameAt := uint32(section + texts)
	exportAt := nameAt + uint32(len(name)+1)
	targetAt := exportAt + uint32(len(export)+1)
	for _, v := range []uint32{0, 0, 0, nameAt, 1, 1, 1, section + functions, section + names, section + ordinals, targetAt, exportAt, 0} {
		binary.Write(&body, binary.LittleEndian, v)
	}
	body.WriteString(name + "\x00" + export + "\x00" + target + "\x00")
	size := uint32(body.Len())

	var file bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			binary.Write(&file, binary.LittleEndian, v)
		}
	}
	file.WriteString("MZ")
	file.Write(make([]byte, 58))
	put(uint32(64))
	file.WriteString("PE\x00\x00")
	put(uint16(0x8664), uint16(1), uint32(0), uint32(0), uint32(0), uint16(optionalSize), uint16(0x2022)) // a DLL for amd64
	put(uint16(0x20b), uint16(0), uint32(0), uint32(0x200), uint32(0), uint32(0), uint32(section))
	put(uint64(0x180000000), uint32(0x1000), uint32(0x200), uint16(6), uint16(0), uint16(0), uint16(0), uint16(6), uint16(0), uint32(0))
	put(uint32(0x2000), uint32(headers), uint32(0), uint16(3), uint16(0x100))
	put(uint64(0x100000), uint64(0x1000), uint64(0x100000), uint64(0x1000), uint32(0), uint32(16))
	put(uint32(section), size) // the export directory
	file.Write(make([]byte, 15*8))
	file.WriteString(".edata\x00\x00")
	put(size, uint32(section), uint32(0x200), uint32(headers), uint32(0), uint32(0), uint16(0), uint16(0), uint32(0x40000040))
	file.Write(make([]byte, headers-file.Len()))
	file.Write(body.Bytes())
	file.Write(make([]byte, headers+0x200-file.Len()))
	return file.Bytes()
}
