package client

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/sasl/aws"
)

// awsCredentials walks AWS's credential chain as far as it needs no signed request: the environment, the shared credentials
// file, the web identity of a pod, the container's endpoint, the instance's metadata service.
func awsCredentials(ctx context.Context, profile string) (aws.Auth, error) {
	if id := os.Getenv("AWS_ACCESS_KEY_ID"); id != "" && profile == "" {
		return aws.Auth{AccessKey: id, SecretKey: os.Getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: os.Getenv("AWS_SESSION_TOKEN")}, nil
	}
	if auth, ok := awsProfile(profile); ok {
		return auth, nil
	}
	if profile != "" {
		return aws.Auth{}, fmt.Errorf("AWS_MSK_IAM: no profile %s in the AWS credentials file", profile)
	}
	if role, file := os.Getenv("AWS_ROLE_ARN"), os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE"); role != "" && file != "" {
		return awsWebIdentity(ctx, role, file)
	}
	if uri := os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); uri != "" {
		return awsEndpoint(ctx, "http://169.254.170.2"+uri, "", "")
	}
	if uri := os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI"); uri != "" {
		token := os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
		if file := os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); token == "" && file != "" {
			b, err := os.ReadFile(file)
			if err != nil {
				return aws.Auth{}, err
			}
			token = strings.TrimSpace(string(b))
		}
		return awsEndpoint(ctx, uri, "Authorization", token)
	}
	return awsInstance(ctx)
}

// awsWebIdentity trades the token of a Kubernetes service account for a role's credentials.
func awsWebIdentity(ctx context.Context, role, file string) (aws.Auth, error) {
	token, err := os.ReadFile(file)
	if err != nil {
		return aws.Auth{}, fmt.Errorf("AWS_MSK_IAM: AWS_WEB_IDENTITY_TOKEN_FILE: %w", err)
	}
	endpoint := os.Getenv("AWS_ENDPOINT_URL_STS")
	if endpoint == "" {
		region := os.Getenv("AWS_REGION")
		if region == "" {
			region = os.Getenv("AWS_DEFAULT_REGION")
		}
		if endpoint = "https://sts.amazonaws.com"; region != "" {
			endpoint = "https://sts." + region + ".amazonaws.com"
		}
	}
	session := os.Getenv("AWS_ROLE_SESSION_NAME")
	if session == "" {
		session = "kgo"
	}
	query := url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {role}, "RoleSessionName": {session},
		"WebIdentityToken": {strings.TrimSpace(string(token))},
	}
	body, err := awsGet(ctx, http.MethodGet, strings.TrimSuffix(endpoint, "/")+"/?"+query.Encode(), "", "")
	if err != nil {
		return aws.Auth{}, err
	}
	var answer struct {
		AccessKeyID     string `xml:"AssumeRoleWithWebIdentityResult>Credentials>AccessKeyId"`
		SecretAccessKey string `xml:"AssumeRoleWithWebIdentityResult>Credentials>SecretAccessKey"`
		SessionToken    string `xml:"AssumeRoleWithWebIdentityResult>Credentials>SessionToken"`
	}
	if err := xml.Unmarshal(body, &answer); err != nil || answer.AccessKeyID == "" {
		return aws.Auth{}, fmt.Errorf("AWS_MSK_IAM: %s answered without credentials for %s", endpoint, role)
	}
	return aws.Auth{AccessKey: answer.AccessKeyID, SecretKey: answer.SecretAccessKey, SessionToken: answer.SessionToken}, nil
}

// awsProfile reads the shared credentials file.
func awsProfile(profile string) (aws.Auth, bool) {
	if profile == "" {
		if profile = os.Getenv("AWS_PROFILE"); profile == "" {
			profile = "default"
		}
	}
	path := os.Getenv("AWS_SHARED_CREDENTIALS_FILE")
	if path == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return aws.Auth{}, false
		}
		path = filepath.Join(home, ".aws", "credentials")
	}
	file, err := os.Open(path)
	if err != nil {
		return aws.Auth{}, false
	}
	defer file.Close() //nolint:errcheck // only read
	var auth aws.Auth
	within := false
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			within = strings.Trim(line, "[] ") == profile
			continue
		}
		name, value, _ := strings.Cut(line, "=")
		if !within {
			continue
		}
		switch value = strings.TrimSpace(value); strings.TrimSpace(name) {
		case "aws_access_key_id":
			auth.AccessKey = value
		case "aws_secret_access_key":
			auth.SecretKey = value
		case "aws_session_token":
			auth.SessionToken = value
		}
	}
	return auth, auth.AccessKey != "" && auth.SecretKey != ""
}

const awsMetadata = "http://169.254.169.254/latest"

func awsInstance(ctx context.Context) (aws.Auth, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	token, err := awsGet(ctx, http.MethodPut, awsMetadata+"/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "21600")
	if err != nil {
		return aws.Auth{}, errors.New("AWS_MSK_IAM: no AWS credentials in the environment, the credentials file or the instance's metadata")
	}
	const header = "X-aws-ec2-metadata-token"
	role, err := awsGet(ctx, http.MethodGet, awsMetadata+"/meta-data/iam/security-credentials/", header, string(token))
	if err != nil {
		return aws.Auth{}, err
	}
	name, _, _ := strings.Cut(string(role), "\n")
	return awsEndpoint(ctx, awsMetadata+"/meta-data/iam/security-credentials/"+name, header, string(token))
}

func awsEndpoint(ctx context.Context, uri, header, value string) (aws.Auth, error) {
	body, err := awsGet(ctx, http.MethodGet, uri, header, value)
	if err != nil {
		return aws.Auth{}, err
	}
	var answer struct{ AccessKeyId, SecretAccessKey, Token string }
	if err := json.Unmarshal(body, &answer); err != nil || answer.AccessKeyId == "" {
		return aws.Auth{}, fmt.Errorf("AWS_MSK_IAM: %s answered without credentials", uri)
	}
	return aws.Auth{AccessKey: answer.AccessKeyId, SecretKey: answer.SecretAccessKey, SessionToken: answer.Token}, nil
}

func awsGet(ctx context.Context, method, uri, header, value string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, uri, http.NoBody)
	if err != nil {
		return nil, err
	}
	if header != "" && value != "" {
		req.Header.Set(header, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if refused, ok := errors.AsType[*url.Error](err); ok {
		refused.URL, _, _ = strings.Cut(refused.URL, "?") // what follows may be a secret
	}
	if err != nil {
		return nil, fmt.Errorf("AWS_MSK_IAM: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenAnswer))
	if err == nil && resp.StatusCode != http.StatusOK {
		address, _, _ := strings.Cut(uri, "?") // what follows may be a secret
		err = fmt.Errorf("AWS_MSK_IAM: %s answered %s", address, resp.Status)
	}
	return body, err
}
