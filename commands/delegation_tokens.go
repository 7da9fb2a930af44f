package commands

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// delegationTokensOptions is a parsed command line of kgo delegation-tokens.
type delegationTokensOptions struct {
	IO     *IOStreams
	Client func(context.Context) (*client.Client, error)

	Action   string // create, renew, expire, describe
	Period   int64  // of the action, in milliseconds
	Hmac     string
	Owners   []string
	Renewers []string
	Output   format
}

func newDelegationTokensCmd(f *Factory, runF func(*delegationTokensOptions) error) *cobra.Command {
	t := &tool{
		spec:        delegationTokensSpec,
		short:       "Create, renew, expire and describe delegation tokens",
		long:        "A delegation token lets others authenticate as its owner without the owner's password. It expires unless it is\nrenewed, and it cannot be renewed beyond MAXDATE. HMAC is the secret; a period of -1 means the cluster's default.",
		example:     "  kgo delegation-tokens --describe --command-config admin.properties",
		extras:      []opt.Option{extraOutput, extraTimeout},
		plainErrors: true,
		fail:        func(err error) { fmt.Fprintln(f.IO.ErrOut, javaError(err)) },
	}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &delegationTokensOptions{IO: f.IO, Client: f.opener(set, "adminclient-1")}
		if err := o.parse(set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return delegationTokensRun(ctx, o)
	})
}

func (o *delegationTokensOptions) parse(set *opt.Set) error {
	actions := []string{"create", "renew", "expire", "describe"}
	if count(set, actions...) != 1 {
		return opt.Usagef("Command must include exactly one action: --create, --renew, --expire or --describe")
	}
	if err := required(set, "command-config"); err != nil {
		return err
	}
	needs := map[string][]string{"create": {"max-life-time-period"}, "renew": {"hmac", "renew-time-period"}, "expire": {"hmac", "expiry-time-period"}}
	forbids := map[string][]string{
		"create":   {"hmac", "renew-time-period", "expiry-time-period"},
		"renew":    {"renewer-principal", "max-life-time-period", "expiry-time-period", "owner-principal"},
		"expire":   {"renewer-principal", "max-life-time-period", "renew-time-period", "owner-principal"},
		"describe": {"renewer-principal", "max-life-time-period", "hmac", "renew-time-period", "expiry-time-period"},
	}
	for _, a := range actions {
		if !set.Has(a) {
			continue
		}
		o.Action = a
		if err := firstError(required(set, needs[a]...), excludes(set, a, forbids[a]...)); err != nil {
			return err
		}
	}
	var err error
	for _, name := range []string{"max-life-time-period", "renew-time-period", "expiry-time-period"} {
		if n, ok, err := set.Long(name); err != nil {
			return err
		} else if ok {
			o.Period = n
		}
	}
	if o.Hmac, err = set.Value("hmac"); err != nil {
		return err
	}
	o.Owners, o.Renewers = set.Values("owner-principal"), set.Values("renewer-principal")
	for _, p := range append(append([]string{}, o.Owners...), o.Renewers...) {
		if err := checkPrincipal(strings.TrimSpace(p)); err != nil {
			return err
		}
	}
	o.Output, err = outputFormat(set)
	return err
}

// tokenView is one delegation token; times are milliseconds since 1970.
type tokenView struct {
	TokenID   string   `json:"token_id"`
	HMAC      string   `json:"hmac"`
	Owner     string   `json:"owner"`
	Requester string   `json:"requester"`
	Renewers  []string `json:"renewers"`
	IssuedMs  int64    `json:"issued_ms"`
	ExpiryMs  int64    `json:"expiry_ms"`
	MaxMs     int64    `json:"max_ms"`
}

func delegationTokensRun(ctx context.Context, o *delegationTokensOptions) error {
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	switch o.Action {
	case "create":
		return o.create(ctx, cl)
	case "describe":
		return o.describe(ctx, cl)
	}
	return o.prolong(ctx, cl)
}

func (o *delegationTokensOptions) create(ctx context.Context, cl *client.Client) error {
	req := kmsg.NewPtrCreateDelegationTokenRequest()
	req.MaxLifetimeMillis = o.Period
	for _, p := range o.Renewers {
		kind, name, _ := strings.Cut(strings.TrimSpace(p), ":")
		req.Renewers = append(req.Renewers, kmsg.CreateDelegationTokenRequestRenewer{PrincipalType: kind, PrincipalName: name})
	}
	if len(o.Owners) > 0 {
		kind, name, _ := strings.Cut(strings.TrimSpace(o.Owners[0]), ":")
		req.OwnerPrincipalType, req.OwnerPrincipalName = &kind, &name
	}
	o.say("Calling create token operation with renewers :%s , max-life-time-period :%d\n", javaList(o.Renewers), o.Period)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	if err := serverError(resp.ErrorCode, nil); err != nil {
		return err
	}
	view := tokenView{
		TokenID: resp.TokenID, HMAC: base64.StdEncoding.EncodeToString(resp.HMAC), Owner: resp.PrincipalType + ":" + resp.PrincipalName,
		Requester: resp.TokenRequesterPrincipalType + ":" + resp.TokenRequesterPrincipalName, Renewers: orNone(o.Renewers),
		IssuedMs: resp.IssueTimestamp, ExpiryMs: resp.ExpiryTimestamp, MaxMs: resp.MaxTimestamp,
	}
	return o.Output.write(o.IO.Out, view, func(w io.Writer) error {
		fmt.Fprintf(w, "Created delegation token with tokenId : %s\n", resp.TokenID)
		printTokens(w, []tokenView{view})
		return nil
	})
}

// say prints what the original says while it works.
func (o *delegationTokensOptions) say(format string, args ...any) {
	if o.Output == formatText {
		fmt.Fprintf(o.IO.Out, format, args...)
	}
}

func printTokens(w io.Writer, tokens []tokenView) {
	const layout = "\n%-15s %-30s %-15s %-15s %-25s %-15s %-15s %-15s"
	fmt.Fprintf(w, layout, "TOKENID", "HMAC", "OWNER", "REQUESTER", "RENEWERS", "ISSUEDATE", "EXPIRYDATE", "MAXDATE")
	for _, t := range tokens {
		fmt.Fprintln(w)
		fmt.Fprintf(w, layout, t.TokenID, t.HMAC, t.Owner, t.Requester, javaList(t.Renewers), minute(t.IssuedMs), minute(t.ExpiryMs), minute(t.MaxMs))
	}
	fmt.Fprintln(w)
}

func minute(ms int64) string { return time.UnixMilli(ms).Format("2006-01-02T15:04") }

func (o *delegationTokensOptions) describe(ctx context.Context, cl *client.Client) error {
	req := kmsg.NewPtrDescribeDelegationTokenRequest()
	if len(o.Owners) == 0 {
		req.Owners = []kmsg.DescribeDelegationTokenRequestOwner{} // nobody's, as the original asks; null would be everybody's
		o.say("Calling describe token operation for current user.\n")
	} else {
		o.say("Calling describe token operation for owners: %s\n", javaList(o.Owners))
		for _, p := range o.Owners {
			kind, name, _ := strings.Cut(strings.TrimSpace(p), ":")
			req.Owners = append(req.Owners, kmsg.DescribeDelegationTokenRequestOwner{PrincipalType: kind, PrincipalName: name})
		}
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	if err := serverError(resp.ErrorCode, nil); err != nil {
		return err
	}
	views := []tokenView{}
	for _, t := range resp.TokenDetails {
		v := tokenView{
			TokenID: t.TokenID, HMAC: base64.StdEncoding.EncodeToString(t.HMAC), Owner: t.PrincipalType + ":" + t.PrincipalName,
			Requester: t.TokenRequesterPrincipalType + ":" + t.TokenRequesterPrincipalName, Renewers: []string{},
			IssuedMs: t.IssueTimestamp, ExpiryMs: t.ExpiryTimestamp, MaxMs: t.MaxTimestamp,
		}
		for _, r := range t.Renewers {
			v.Renewers = append(v.Renewers, r.PrincipalType+":"+r.PrincipalName)
		}
		views = append(views, v)
	}
	return o.Output.write(o.IO.Out, views, func(w io.Writer) error {
		fmt.Fprintf(w, "Total number of tokens : %d", len(views))
		printTokens(w, views)
		return nil
	})
}

// prolong renews or expires a token.
func (o *delegationTokensOptions) prolong(ctx context.Context, cl *client.Client) error {
	hmac, err := base64.StdEncoding.DecodeString(o.Hmac)
	if err != nil {
		return errors.New("--hmac is not the base64 text of a token's HMAC")
	}
	o.say("Calling %s token operation with hmac :%s , %s-time-period :%d\n", o.Action, o.Hmac, o.Action, o.Period)
	var code int16
	var expiry int64
	if o.Action == "renew" {
		req := kmsg.NewPtrRenewDelegationTokenRequest()
		req.HMAC, req.RenewTimeMillis = hmac, o.Period
		resp, err := req.RequestWith(ctx, cl)
		if err != nil {
			return err
		}
		code, expiry = resp.ErrorCode, resp.ExpiryTimestamp
	} else {
		req := kmsg.NewPtrExpireDelegationTokenRequest()
		req.HMAC, req.ExpiryPeriodMillis = hmac, o.Period
		resp, err := req.RequestWith(ctx, cl)
		if err != nil {
			return err
		}
		code, expiry = resp.ErrorCode, resp.ExpiryTimestamp
	}
	if err := serverError(code, nil); err != nil {
		return err
	}
	fmt.Fprintf(o.IO.Out, "Completed %s operation. New expiry date : %s", o.Action, minute(expiry))
	return nil
}
