package controller

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"hash"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/record"
)

// The iterations of PBKDF2 that a credential may have.
const (
	minScramIterations = 4096
	maxScramIterations = 16384
)

// AlterUserScramCredentials: v0
//
// Sets and deletes users' SCRAM credentials (KIP-554). What is stored can check a password, but not replace it (RFC 5802).
//
//   - A user may be altered once in a request; who comes more often is refused altogether.
func (c *call) alterUserScramCredentials(req *kmsg.AlterUserSCRAMCredentialsRequest) (Result, error) {
	times := make(map[string]int)
	for _, d := range req.Deletions {
		times[d.Name]++
	}
	for _, u := range req.Upsertions {
		times[u.Name]++
	}
	results := make(map[string]error, len(times))
	for user, n := range times {
		if n > 1 {
			results[user] = failf(kerr.DuplicateResource, "A user credential cannot be altered twice in the same request")
		}
	}
	for _, d := range req.Deletions {
		if times[d.Name] == 1 {
			results[d.Name] = c.deleteScram(d)
		}
	}
	for _, u := range req.Upsertions {
		if times[u.Name] == 1 {
			results[u.Name] = c.setScram(u)
		}
	}
	resp := responseTo[*kmsg.AlterUserSCRAMCredentialsResponse](req)
	for _, user := range scramUsers(req) {
		row := kmsg.NewAlterUserSCRAMCredentialsResponseResult()
		row.User, row.ErrorCode, row.ErrorMessage = user, errorCode(results[user]), errorMessage(results[user])
		resp.Results = append(resp.Results, row)
	}
	return Result{Records: c.out, Response: resp, Atomic: true}, nil
}

func (c *call) checkScramUser(user string, mechanism metadata.ScramMechanism) error {
	switch {
	case c.image.MetadataVersion() < 11:
		return failf(kerr.UnsupportedVersion, "The current metadata.version does not support SCRAM")
	case user == "":
		return failf(kerr.UnacceptableCredential, "Username must not be empty")
	case mechanism != metadata.ScramSHA256 && mechanism != metadata.ScramSHA512:
		return failf(kerr.UnsupportedSaslMechanism, "Unknown SCRAM mechanism")
	}
	return nil
}

func (c *call) deleteScram(d kmsg.AlterUserSCRAMCredentialsRequestDeletion) error {
	mechanism := metadata.ScramMechanism(d.Mechanism)
	if err := c.checkScramUser(d.Name, mechanism); err != nil {
		return err
	}
	if c.image.ScramCredential(d.Name, mechanism) == nil {
		return failf(kerr.ResourceNotFound, "Attempt to delete a user credential that does not exist")
	}
	c.emit(&record.RemoveUserScramCredentialRecord{Name: d.Name, Mechanism: d.Mechanism}, 0)
	return nil
}

func (c *call) setScram(u kmsg.AlterUserSCRAMCredentialsRequestUpsertion) error {
	mechanism := metadata.ScramMechanism(u.Mechanism)
	if err := c.checkScramUser(u.Name, mechanism); err != nil {
		return err
	}
	if u.Iterations < minScramIterations {
		return failf(kerr.UnacceptableCredential, "Too few iterations")
	}
	if u.Iterations > maxScramIterations {
		return failf(kerr.UnacceptableCredential, "Too many iterations")
	}
	c.emit(ScramRecord(u.Name, mechanism, u.Salt, u.SaltedPassword, u.Iterations), 0)
	return nil
}

// ScramRecord derives from a salted password what a server needs to check it.
func ScramRecord(user string, mechanism metadata.ScramMechanism, salt, saltedPassword []byte, iterations int32) *record.UserScramCredentialRecord {
	newHash := sha256.New
	if mechanism == metadata.ScramSHA512 {
		newHash = sha512.New
	}
	stored := newHash()
	stored.Write(mac(newHash, saltedPassword, "Client Key"))
	return &record.UserScramCredentialRecord{
		Name: user, Mechanism: int8(mechanism), Salt: salt, Iterations: iterations,
		StoredKey: stored.Sum(nil), ServerKey: mac(newHash, saltedPassword, "Server Key"),
	}
}

func mac(newHash func() hash.Hash, key []byte, message string) []byte {
	h := hmac.New(newHash, key)
	h.Write([]byte(message))
	return h.Sum(nil)
}
