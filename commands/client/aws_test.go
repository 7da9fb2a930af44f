package client

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// withoutAWS hides what the machine has of AWS's credentials.
func withoutAWS(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_SESSION_NAME",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
		"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_STS",
	} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
}

// TestAWSRequestIsSigned works the signature of AWS's version 4 out once more from what the client sends, as MSK does.
func TestAWSRequestIsSigned(t *testing.T) {
	withoutAWS(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
	t.Setenv("AWS_SESSION_TOKEN", "a session/token=+")
	_, mechanism, err := Properties{"security.protocol": "SASL_SSL", "sasl.mechanism": "AWS_MSK_IAM", "sasl.jaas.config": "software.amazon.msk.auth.iam.IAMLoginModule required;"}.security()
	if err != nil {
		t.Fatal(err)
	}
	const host = "b-1.mine.abc123.c2.kafka.eu-west-1.amazonaws.com"
	_, message, err := mechanism.Authenticate(t.Context(), host+":9198")
	if err != nil {
		t.Fatal(err)
	}
	var sent map[string]string
	if err := json.Unmarshal(message, &sent); err != nil {
		t.Fatal(err)
	}
	date := sent["x-amz-date"]
	scope := date[:8] + "/eu-west-1/kafka-cluster/aws4_request"
	for key, want := range map[string]string{
		"version": "2020_10_22", "host": host, "action": "kafka-cluster:Connect", "x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-signedheaders": "host",
		"x-amz-credential": "AKIDEXAMPLE/" + scope, "x-amz-security-token": "a session/token=+", "x-amz-expires": "300",
	} {
		if sent[key] != want {
			t.Errorf("%s is %q, want %q", key, sent[key], want)
		}
	}
	query := url.Values{
		"Action": {sent["action"]}, "X-Amz-Algorithm": {sent["x-amz-algorithm"]}, "X-Amz-Credential": {sent["x-amz-credential"]}, "X-Amz-Date": {date},
		"X-Amz-Expires": {sent["x-amz-expires"]}, "X-Amz-SignedHeaders": {"host"}, "X-Amz-Security-Token": {sent["x-amz-security-token"]},
	}
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	request := "GET\n/\n" + strings.ReplaceAll(query.Encode(), "+", "%20") + "\nhost:" + host + "\n\nhost\n" + hash("")
	key := []byte("AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
	for _, part := range []string{date[:8], "eu-west-1", "kafka-cluster", "aws4_request", "AWS4-HMAC-SHA256\n" + date + "\n" + scope + "\n" + hash(request)} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	if want := hex.EncodeToString(key); sent["x-amz-signature"] != want {
		t.Errorf("the signature is %s, want %s", sent["x-amz-signature"], want)
	}
}

// TestAWSCredentialChain finds credentials wherever AWS's clients look for them without signing a request.
func TestAWSCredentialChain(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/container" && r.Header.Get("Authorization") == "secret-token":
			fmt.Fprint(w, `{"AccessKeyId":"from-container","SecretAccessKey":"s","Token":"t"}`)
		case r.FormValue("Action") == "AssumeRoleWithWebIdentity" && r.FormValue("WebIdentityToken") == "jwt" && r.FormValue("RoleArn") == "arn:aws:iam::1:role/r":
			fmt.Fprint(w, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>`+
				`<AccessKeyId>from-role</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`)
		default:
			http.Error(w, "no", http.StatusForbidden)
		}
	}))
	defer server.Close()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	profiles := file("credentials", "[default]\naws_access_key_id = from-file\naws_secret_access_key = s\n[other]\naws_access_key_id=from-profile\naws_secret_access_key=s\naws_session_token=t\n[half]\naws_access_key_id=x\n")
	token, wrong := file("token", "jwt\n"), file("wrong", "stale")
	for _, c := range []struct {
		name, profile string
		env           map[string]string
		want, fails   string
	}{
		{"environment", "", map[string]string{"AWS_ACCESS_KEY_ID": "from-env", "AWS_SHARED_CREDENTIALS_FILE": profiles}, "from-env", ""},
		{"file", "", map[string]string{"AWS_SHARED_CREDENTIALS_FILE": profiles}, "from-file", ""},
		{"AWS_PROFILE", "", map[string]string{"AWS_SHARED_CREDENTIALS_FILE": profiles, "AWS_PROFILE": "other"}, "from-profile", ""},
		{"awsProfileName", "other", map[string]string{"AWS_SHARED_CREDENTIALS_FILE": profiles, "AWS_ACCESS_KEY_ID": "from-env"}, "from-profile", ""},
		{"no such profile", "half", map[string]string{"AWS_SHARED_CREDENTIALS_FILE": profiles}, "", "no profile half"},
		{"web identity", "", map[string]string{"AWS_ROLE_ARN": "arn:aws:iam::1:role/r", "AWS_WEB_IDENTITY_TOKEN_FILE": token, "AWS_ENDPOINT_URL_STS": server.URL}, "from-role", ""},
		{"web identity refused", "", map[string]string{"AWS_ROLE_ARN": "arn:aws:iam::1:role/r", "AWS_WEB_IDENTITY_TOKEN_FILE": wrong, "AWS_ENDPOINT_URL_STS": server.URL}, "", "answered 403"},
		{"container", "", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.URL + "/container", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "secret-token"}, "from-container", ""},
		{"container, token in a file", "", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.URL + "/container", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": file("auth", "secret-token\n")}, "from-container", ""},
		{"container refuses", "", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.URL + "/container"}, "", "answered 403"},
	} {
		t.Run(c.name, func(t *testing.T) {
			withoutAWS(t)
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			auth, err := awsCredentials(context.Background(), c.profile)
			switch {
			case c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)):
				t.Errorf("%v, want %q", err, c.fails)
			case c.fails == "" && (err != nil || auth.AccessKey != c.want):
				t.Errorf("%+v %v, want %s", auth, err, c.want)
			case err != nil && strings.Contains(err.Error(), "stale"):
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}
