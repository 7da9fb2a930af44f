package client

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/types"
)

var errTicketCache = errors.New("not a readable ticket cache")

// parseTicketCache reads a ticket cache's file of version 3 or 4, which is what kinit has written since 1998:
//
//	5, version; in version 4 a header; the owner; then for each ticket
//	client, server, key, four times, is_skey (1), flags (4), addresses, authorization data, ticket, second ticket
//
// A principal is its type, how many names it has, the realm and the names; every string and number of bytes has its length in front. (The library's own
// reader asks for as much memory as a damaged file says.)
func parseTicketCache(data []byte) (*credentials.CCache, error) {
	r := cacheReader{rest: data}
	cache := new(credentials.CCache)
	if r.number(1) != 5 {
		return nil, errTicketCache
	}
	cache.Version = uint8(r.number(1))
	switch cache.Version {
	case 3:
	case 4:
		r.bytes(r.number(2))
	default:
		return nil, errTicketCache
	}
	cache.DefaultPrincipal.PrincipalName, cache.DefaultPrincipal.Realm = r.principal()
	for len(r.rest) > 0 && !r.torn {
		c := new(credentials.Credential)
		c.Client.PrincipalName, c.Client.Realm = r.principal()
		c.Server.PrincipalName, c.Server.Realm = r.principal()
		c.Key.KeyType = int32(r.number(2))
		if cache.Version == 3 {
			r.number(2) // once more
		}
		c.Key.KeyValue = r.data()
		for _, at := range []*time.Time{&c.AuthTime, &c.StartTime, &c.EndTime, &c.RenewTill} {
			*at = time.Unix(int64(r.number(4)), 0)
		}
		c.IsSKey = r.number(1) != 0
		c.TicketFlags = types.NewKrbFlags()
		c.TicketFlags.Bytes = r.bytes(4)
		for range 2 { // addresses and authorization data: the client shows neither
			for n := r.number(4); n > 0 && !r.torn; n-- {
				r.number(2)
				r.data()
			}
		}
		c.Ticket, c.SecondTicket = r.data(), r.data()
		cache.Credentials = append(cache.Credentials, c)
	}
	if r.torn {
		return nil, errTicketCache
	}
	return cache, nil
}

// cacheReader reads from the front of rest. Once there is less than was asked for, it is torn and gives nothing any more.
type cacheReader struct {
	rest []byte
	torn bool
}

func (r *cacheReader) bytes(n uint64) []byte {
	if r.torn || n > uint64(len(r.rest)) {
		r.torn = true
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// number reads an integer of so many bytes, the highest first.
func (r *cacheReader) number(size int) uint64 {
	var whole [8]byte
	copy(whole[8-size:], r.bytes(uint64(size)))
	return binary.BigEndian.Uint64(whole[:])
}

func (r *cacheReader) data() []byte { return r.bytes(r.number(4)) }

func (r *cacheReader) principal() (name types.PrincipalName, realm string) {
	name.NameType = int32(r.number(4))
	names := r.number(4)
	realm = string(r.data())
	for ; names > 0 && !r.torn; names-- {
		name.NameString = append(name.NameString, string(r.data()))
	}
	return name, realm
}
