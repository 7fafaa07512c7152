package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paymux/paymux/providers"
	"github.com/paymux/paymux/providers/aps"
)

const exampleKey = "example-of-a-secret-key-with-32-characters"

func TestConfigSample(t *testing.T) {
	c, err := loadConfig(sample(t), nil)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:8080", c.Listen)
	require.True(t, c.live())
	require.Equal(t, exampleKey, c.SecretKey.Reveal(), "the file's line end is no part of the key")
	require.Equal(t, []string{"aps-ae", "aps-sa", "amazon-eu"}, c.Merchants["main"].Accounts)
	require.Equal(t, []rule{
		{When: when{Currency: []string{"SAR"}, Method: []string{"card", "wallet"}, Country: []string{"SA", "AE"}}, Use: []string{"aps-sa"}},
		{When: when{Method: []string{"amazon_pay"}}, Use: []string{"amazon-eu"}},
		{Use: []string{"aps-ae", "aps-sa"}},
	}, c.Routing, "one value stands for a list of one")
	all := budget{Connect: 3 * time.Second, TLS: 5 * time.Second, FirstByte: 30 * time.Second, ProviderCall: 40 * time.Second, Answer: 20 * time.Second}
	require.Equal(t, timeouts{budget: all, BeforeStop: 10 * time.Second, Stop: 30 * time.Second}, c.Timeouts)
	own := all
	own.ProviderCall, own.Answer = 60*time.Second, 30*time.Second
	require.Equal(t, []budget{own, all}, []budget{c.budgetOf("aps-sa"), c.budgetOf("aps-ae")})
	require.Equal(t, 30*time.Second, c.longestAnswer())
	require.Equal(t, "active", c.Accounts["aps-ae"].State)

	var settings aps.Config
	require.NoError(t, c.Accounts["aps-ae"].settings.Unmarshal("", &settings))
	require.Equal(t, "exampleAE", settings.MerchantIdentifier)
	require.Equal(t, "example-request-phrase-ae", settings.RequestPhrase.Reveal())
	require.Equal(t, []string{"AED", "USD"}, settings.Currencies)
}

// The sample is the list of all keys that README.md points to.
func TestConfigSampleHasEveryKey(t *testing.T) {
	content, err := os.ReadFile("testdata/paymux.yaml")
	require.NoError(t, err)
	types := []reflect.Type{reflect.TypeFor[config](), reflect.TypeFor[merchant](), reflect.TypeFor[account](), reflect.TypeFor[rule](),
		reflect.TypeFor[when](), reflect.TypeFor[timeouts](), reflect.TypeFor[reliability](), reflect.TypeFor[webhooks](), reflect.TypeFor[limits]()}
	for _, name := range providers.Names() {
		types = append(types, providers.Settings(name))
	}
	for _, of := range types {
		for key := range fieldsOf(of) {
			require.Regexp(t, `(?m)(^[ #]*(- )?|[{,] ?)`+key+`:( |$)`, string(content), "of %s", of)
		}
	}
	for _, key := range fromOutside {
		require.Contains(t, string(content), envPrefix+strings.ToUpper(key))
	}
}

// The same configuration is the same database and the same secrets, wherever the program is started; what somebody types is
// meant from where he is.
func TestRelativePathsBeginAtTheConfiguration(t *testing.T) {
	path, elsewhere := sample(t), t.TempDir()
	folder := filepath.Dir(path)
	t.Chdir(elsewhere)
	beside := "sqlite:" + filepath.Join(folder, "paymux.db")
	for name, at := range map[string]string{"absolute": path, "relative": must(filepath.Rel(elsewhere, path))} {
		c, err := loadConfig(at, nil)
		require.NoError(t, err, name)
		require.Equal(t, beside, c.Database, name)
		require.Equal(t, exampleKey, c.SecretKey.Reveal(), name)
	}
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	for written, want := range map[string]string{"": beside, "database: sqlite:data/p.db": "sqlite:" + filepath.Join(folder, "data/p.db"),
		"database: sqlite:/var/lib/p.db": "sqlite:/var/lib/p.db", "database: \"sqlite::memory:\"": "sqlite::memory:", "database: postgres:///p": "postgres:///p"} {
		require.NoError(t, os.WriteFile(path, regexp.MustCompile(`(?m)^database:.*$`).ReplaceAllLiteral(content, []byte(written)), 0o600))
		c, err := loadConfig(path, nil)
		require.NoError(t, err, written)
		require.Equal(t, want, c.Database, written)
	}
	t.Setenv("PAYMUX_DATABASE", "sqlite:env.db")
	c, err := loadConfig(path, nil)
	require.NoError(t, err)
	require.Equal(t, "sqlite:"+filepath.Join(elsewhere, "env.db"), c.Database)
	c, err = loadConfig(path, map[string]string{"database": "sqlite:flag.db"})
	require.NoError(t, err)
	require.Equal(t, "sqlite:"+filepath.Join(elsewhere, "flag.db"), c.Database)

	require.NoError(t, os.Remove(filepath.Join(folder, "secrets/paymux.key")))
	_, err = loadConfig(must(filepath.Rel(elsewhere, path)), nil)
	require.ErrorContains(t, err, filepath.Join(folder, "secrets/paymux.key"), "what is missing is named with its whole path")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// sample is testdata/paymux.yaml with the secrets it refers to; it returns its path.
func sample(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"APS_AE_REQUEST_PHRASE", "APS_AE_RESPONSE_PHRASE", "APS_SA_REQUEST_PHRASE", "APS_SA_RESPONSE_PHRASE"} {
		country := strings.ToLower(name[4:6])
		t.Setenv(name, "example-"+strings.ToLower(strings.ReplaceAll(name[7:], "_", "-"))+"-"+country)
	}
	content, err := os.ReadFile("testdata/paymux.yaml")
	require.NoError(t, err)
	path := write(t, string(content))
	require.NoError(t, os.Mkdir(filepath.Join(filepath.Dir(path), "secrets"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "secrets/paymux.key"), []byte(exampleKey+"\n"), 0o600))
	pem, err := os.ReadFile("../../providers/testdata/example.pem")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "secrets/amazon.pem"), pem, 0o600))
	return path
}

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "paymux.yaml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// good is a small configuration, one line each; tests replace lines of it.
var good = []string{
	1:  "listen: 127.0.0.1:8080",
	2:  "public_url: https://pay.example",
	3:  "secret_key: ${env:EXAMPLE_KEY}",
	4:  "merchants:",
	5:  "  main: {accounts: [aps-ae], return_hosts: [shop.example]}",
	6:  "accounts:",
	7:  "  aps-ae:",
	8:  "    provider: aps",
	9:  "    merchant_identifier: exampleAE",
	10: "    access_code: exampleAccessCode",
	11: "    request_phrase: ${env:EXAMPLE_PHRASE}",
	12: "    response_phrase: ${env:EXAMPLE_PHRASE}",
	13: "    environment: production",
	14: "routing:",
	15: "  - {when: {currency: [AED]}, use: [aps-ae]}",
	16: "timeouts: {answer: 20s}",
	17: "mode: live",
	18: "database: sqlite:paymux.db",
}

const examplePhrase = "example$phrase#never-shown"

func with(lines map[int]string) string {
	out := append([]string(nil), good...)
	for n, line := range lines {
		out[n] = line
	}
	return strings.Join(out[1:], "\n") + "\n"
}

func TestConfigNamesEveryProblemWithItsLine(t *testing.T) {
	t.Setenv("EXAMPLE_KEY", exampleKey)
	t.Setenv("EXAMPLE_PHRASE", examplePhrase)
	t.Setenv("EXAMPLE_SHORT", "short-secret")
	t.Setenv("EXAMPLE_PMX", "pmx$Req#example!")
	t.Setenv("EXAMPLE_SECRET_KEY", exampleSecretKey)
	_, err := loadConfig(write(t, with(nil)), nil)
	require.NoError(t, err)

	cases := []struct {
		name  string
		lines map[int]string
		want  []string // "line: text" each
	}{
		{"unknown key", map[int]string{16: "timeout: {answer: 20s}"}, []string{"16: timeout: there is no such key; there are accounts, database, limits, listen, merchants, mode, public_url, reliability, routing, secret_key, timeouts, trusted_proxies, webhooks"}},
		{"unknown key of an account", map[int]string{13: "    enviroment: production"}, []string{
			"7: accounts.aps-ae.environment: sandbox or production is needed, or page_url and api_url",
			"13: accounts.aps-ae.enviroment: there is no such key; there are access_code, agreements, api_url, currencies, environment, language, merchant_identifier, options, page_url, provider, request_phrase, response_phrase, sha_type, state, timeouts, visa_three_digit"}},
		{"unknown key of a rule", map[int]string{15: "  - {when: {curency: AED}, use: [aps-ae]}"}, []string{"15: routing[0].when.curency: there is no such key; there are country, currency, method"}},
		{"a provider's own problem", map[int]string{10: "    sha_type: MD5\n    access_code: \"!\""}, []string{
			"10: accounts.aps-ae.sha_type: \"MD5\" is none of SHA-256, SHA-512, HMAC-256, HMAC-512",
			"11: accounts.aps-ae.access_code: 1 to 20 letters and digits are needed"}},
		{"unknown provider", map[int]string{8: "    provider: acme"}, []string{"8: accounts.aps-ae.provider: \"acme\" is none of amazonpay, aps"}},
		{"no provider", map[int]string{8: "    state: active"}, []string{"7: accounts.aps-ae.provider: \"\" is none of amazonpay, aps"}},
		{"state", map[int]string{8: "    provider: aps\n    state: off"}, []string{"9: accounts.aps-ae.state: \"off\" is none of active, draining, disabled"}},
		{"the example key", map[int]string{3: "secret_key: ${env:EXAMPLE_SECRET_KEY}"}, []string{
			"3: secret_key: it is the example of paymux sandbox, which live mode refuses"}},
		{"literal secrets", map[int]string{3: "secret_key: swordfish-swordfish-swordfish-swordfish", 11: "    request_phrase: swordfish", 12: "    response_phrase: ${EXAMPLE:-swordfish}"}, []string{
			"3: secret_key: a secret is not written here; refer to it with ${env:NAME} or ${file:/path}",
			"11: accounts.aps-ae.request_phrase: a secret is not written here; refer to it with ${env:NAME} or ${file:/path}",
			"12: accounts.aps-ae.response_phrase: a secret is not written here; refer to it with ${env:NAME} or ${file:/path}"}},
		{"password in the database's address", map[int]string{18: "database: postgres://paymux:swordfish@db.example/paymux"}, []string{"18: database: a password is not written here; refer to it: postgres://user:${env:NAME}@host/name"}},
		{"database", map[int]string{18: "database: mysql://db.example/paymux"}, []string{"18: database: sqlite:path or postgres://… is needed"}},
		{"variable that is not set", map[int]string{11: "    request_phrase: ${env:EXAMPLE_UNSET}"}, []string{"11: accounts.aps-ae.request_phrase: the variable of the environment in ${env:EXAMPLE_UNSET} is not set, or empty"}},
		{"file that is not there", map[int]string{3: "secret_key: ${file:/nowhere/paymux.key}"}, []string{"3: secret_key: the file cannot be read: open /nowhere/paymux.key: no such file or directory"}},
		{"short secret", map[int]string{3: "secret_key: ${env:EXAMPLE_SHORT}"}, []string{"3: secret_key: it has less than 32 characters"}},
		{"missing keys", map[int]string{2: "", 3: "", 9: ""}, []string{
			"public_url: it is missing: where buyers and providers reach this program, such as https://pay.example",
			"secret_key: live mode needs one: 32 random bytes as text, as openssl rand -hex 32 makes it, in a file of mode 0600",
			"7: accounts.aps-ae.merchant_identifier: 1 to 20 letters and digits are needed"}},
		{"live refuses the simulators", map[int]string{9: "    merchant_identifier: pmxMid01", 11: "    request_phrase: ${env:EXAMPLE_PMX}", 13: "    page_url: http://127.0.0.1:9101/FortAPI/paymentPage\n    api_url: https://localhost/FortAPI/paymentApi"}, []string{
			"9: accounts.aps-ae.merchant_identifier: it is an example of the simulators, which live mode refuses",
			"11: accounts.aps-ae.request_phrase: it is an example of the simulators, which live mode refuses",
			"13: accounts.aps-ae.page_url: live mode wants https and another machine than this one",
			"14: accounts.aps-ae.api_url: live mode wants https and another machine than this one"}},
		{"live refuses endpoints on this machine", map[int]string{16: "webhooks: {allow_loopback: true, ports: [443, 0, 70000]}"}, []string{
			"16: webhooks.allow_loopback: live mode refuses endpoints on this machine", "16: webhooks.ports[1]: 0 is not between 1 and 65535",
			"16: webhooks.ports[2]: 70000 is not between 1 and 65535"}},
		{"live refuses the test system", map[int]string{13: "    environment: sandbox"}, []string{"13: accounts.aps-ae.environment: sandbox is the provider's test system, which live mode refuses"}},
		{"live refuses http", map[int]string{2: "public_url: http://pay.example"}, []string{"2: public_url: live mode wants https"}},
		{"live refuses loopback", map[int]string{2: "public_url: https://127.0.0.1:8443", 5: "  main: {accounts: [aps-ae], return_hosts: [localhost]}"}, []string{
			"2: public_url: live mode refuses this machine's own address; nobody else reaches it",
			"5: merchants.main.return_hosts[0]: live mode refuses this machine"}},
		{"live needs return hosts", map[int]string{5: "  main: {accounts: [aps-ae]}"}, []string{"5: merchants.main.return_hosts: live mode needs the hosts that buyers may be sent back to"}},
		{"merchants", map[int]string{5: "  main: {accounts: [aps-eu, aps-ae, aps-ae], return_hosts: ['https://shop.example']}\n  Other: {}"}, []string{
			"5: merchants.main.accounts[0]: there is no account \"aps-eu\"; there are aps-ae",
			"5: merchants.main.accounts[2]: \"aps-ae\" stands here twice",
			"5: merchants.main.return_hosts[0]: \"https://shop.example\" is no host such as shop.example: no scheme, no port, lower case",
			"6: merchants.Other: a name is 1 to 63 of a-z, 0-9, _ and -, and begins with a letter or digit"}},
		{"routing", map[int]string{15: "  - {when: {currency: AEX, country: [XX], method: cash}, use: aps-sa}\n  - when: {}"}, []string{
			"15: routing[0].when.currency[0]: \"AEX\" is no ISO 4217 currency",
			"15: routing[0].when.country[0]: \"XX\" is no ISO 3166 country of two letters",
			"15: routing[0].when.method[0]: \"cash\" is no method; there are amazon_pay, card, wallet, paypal, sepa_debit, bank_redirect, invoice, prepayment, any",
			"15: routing[0].use[0]: there is no account \"aps-sa\"; there are aps-ae",
			"16: routing[1].use: there is no account"}},
		{"shapes", map[int]string{1: "listen: [a]", 5: "  main: aps-ae", 13: "    environment: production\n    agreements: maybe\n    currencies: {AED: true}", 16: "timeouts: {answer: soon, stop: -1s}"}, []string{
			"1: listen: one value is needed",
			"5: merchants.main: a mapping of keys to values is needed",
			"14: accounts.aps-ae.agreements: \"maybe\" is neither true nor false",
			"15: accounts.aps-ae.currencies[0]: one value is needed",
			"18: timeouts.answer: \"soon\" is no duration such as 25s or 1m30s",
			"18: timeouts.stop: \"-1s\" is no duration such as 25s or 1m30s"}},
		{"too short and too long", map[int]string{13: "    environment: production\n    timeouts: {connect: 99ms, tls: 0s, first_byte: 61s, provider_call: 2m, answer: 999ms}", 16: "timeouts: {connect: 11s, tls: 100ms, answer: 1m}"}, []string{
			"14: accounts.aps-ae.timeouts.connect: 99ms as connect of account aps-ae is not between 100ms and 10s",
			"14: accounts.aps-ae.timeouts.tls: 0s as tls of account aps-ae is not between 100ms and 15s",
			"14: accounts.aps-ae.timeouts.first_byte: 1m1s as first_byte of account aps-ae is not between 1s and 1m0s",
			"14: accounts.aps-ae.timeouts.provider_call: 2m0s as provider_call of account aps-ae is not between 1s and 1m30s",
			"14: accounts.aps-ae.timeouts.answer: 999ms as answer of account aps-ae is not between 1s and 55s",
			"17: timeouts.connect: 11s as connect of every account is not between 100ms and 10s",
			"17: timeouts.answer: 1m0s as answer of every account is not between 1s and 55s"}},
		{"what an account does not wait for", map[int]string{13: "    environment: production\n    timeouts: {stop: 30s, answer: soon}"}, []string{
			"14: accounts.aps-ae.timeouts.stop: there is no such key; there are answer, connect, first_byte, provider_call, tls",
			"14: accounts.aps-ae.timeouts.answer: \"soon\" is no duration such as 25s or 1m30s"}},
		{"limits", map[int]string{16: "limits: {per_key: -1, at_once: 1000001, per_address: 0, failed_feedback: many}"}, []string{
			"16: limits.per_key: -1 is not between 0, which is no limit, and 1000000", "16: limits.at_once: 1000001 is not between 0, which is no limit, and 1000000",
			"16: limits.failed_feedback: \"many\" is no whole number"}},
		{"keys kept too long", map[int]string{16: "reliability: {keep_idempotency_keys: 9000h}"}, []string{
			"16: reliability.keep_idempotency_keys: 9000h0m0s is not between 24h0m0s and 8784h0m0s"}},
		{"keys kept too short", map[int]string{16: "reliability: {keep_idempotency_keys: 23h}"}, []string{
			"16: reliability.keep_idempotency_keys: 23h0m0s is not between 24h0m0s and 8784h0m0s"}},
		{"proxies", map[int]string{16: "trusted_proxies: [10.0.0.0/8, '2001:db8::/32', 10.0.0.0/33, proxy.example, 'fe80::1%eth0', 192.0.2.7]"}, []string{
			"16: trusted_proxies[2]: \"10.0.0.0/33\" is neither an address such as 192.0.2.7 nor a network such as 10.0.0.0/8",
			"16: trusted_proxies[3]: \"proxy.example\" is neither an address such as 192.0.2.7 nor a network such as 10.0.0.0/8",
			"16: trusted_proxies[4]: \"fe80::1%eth0\" is neither an address such as 192.0.2.7 nor a network such as 10.0.0.0/8"}},
		{"listen and mode", map[int]string{1: "listen: 8080", 17: "mode: demo"}, []string{
			"1: listen: an address such as :8080 or 127.0.0.1:8080 is needed", "17: mode: \"demo\" is neither live nor test"}},
		{"the same key twice", map[int]string{17: "listen: :9090"}, []string{"17: listen: it is already in line 1"}},
		{"anchors", map[int]string{9: "    merchant_identifier: &id exampleAE", 10: "    access_code: *id"}, []string{
			"9: accounts.aps-ae.merchant_identifier: anchors and aliases are not used here",
			"10: accounts.aps-ae.access_code: anchors and aliases are not used here"}},
		{"a secret that looks like an alias", map[int]string{11: "    request_phrase: *swordfish"}, []string{"this is no YAML: text that begins with * or & needs quotes"}},
		{"braces in braces", map[int]string{15: "  - {when: {currency: ${CURRENCY}}, use: [aps-ae]}"}, []string{"15: did not find expected ',' or '}'; inside { } quote \"${…}\""}},
		{"second document", map[int]string{18: "---\nlisten: :1"}, []string{"it has more than one document"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, with(c.lines))
			_, err := loadConfig(path, nil)
			require.Error(t, err)
			got := strings.Split(strings.ReplaceAll(err.Error(), path, "F"), "\n")
			var want []string
			for _, w := range c.want {
				if w[0] >= '0' && w[0] <= '9' {
					want = append(want, "F:"+w)
				} else {
					want = append(want, "F: "+w)
				}
			}
			for _, w := range want {
				require.Contains(t, got, w)
			}
			for _, secret := range []string{exampleKey, examplePhrase, "swordfish", "short-secret", "pmx$Req"} {
				require.NotContains(t, err.Error(), secret)
			}
			if c.name != "shapes" && c.name != "merchants" && c.name != "anchors" { // there one problem brings others
				require.Len(t, got, len(want), "%s", err)
			}
		})
	}
}

func TestConfigSecretFiles(t *testing.T) {
	t.Setenv("EXAMPLE_PHRASE", examplePhrase)
	path := write(t, with(map[int]string{3: "secret_key: ${file:paymux.key}"}))
	file := filepath.Join(filepath.Dir(path), "paymux.key")
	for mode, want := range map[os.FileMode]string{
		0o600: "", 0o400: "",
		0o640: fmt.Sprintf("%s:3: secret_key: %s has mode 0640; others could read or change it, 0600 or less is needed", path, file),
		0o604: fmt.Sprintf("%s:3: secret_key: %s has mode 0604; others could read or change it, 0600 or less is needed", path, file),
	} {
		require.NoError(t, os.RemoveAll(file))
		require.NoError(t, os.WriteFile(file, []byte(exampleKey), 0o600))
		require.NoError(t, os.Chmod(file, mode))
		c, err := loadConfig(path, nil)
		if want != "" {
			require.EqualError(t, err, want)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, exampleKey, c.SecretKey.Reveal())
	}
	require.NoError(t, os.Chmod(file, 0o600))
	require.NoError(t, os.Truncate(file, 0))
	_, err := loadConfig(path, nil)
	require.ErrorContains(t, err, "paymux.key is empty")
	require.NoError(t, os.Truncate(file, maxSecret+1))
	_, err = loadConfig(path, nil)
	require.ErrorContains(t, err, "is larger than")
	require.NoError(t, os.Remove(file))
	require.NoError(t, os.Mkdir(file, 0o700))
	_, err = loadConfig(path, nil)
	require.ErrorContains(t, err, "is no file")
}

func TestConfigFromOutside(t *testing.T) {
	t.Setenv("EXAMPLE_PHRASE", examplePhrase)
	path := write(t, with(map[int]string{3: "", 17: "mode: test", 18: "database: postgres://paymux:${env:EXAMPLE_PASSWORD}@db.example/paymux"}))
	t.Setenv("EXAMPLE_PASSWORD", "swordfish")
	t.Setenv("PAYMUX_LISTEN", ":9090")
	t.Setenv("PAYMUX_MODE", "live")
	t.Setenv("PAYMUX_API_KEY", "of a client, not ours")
	_, err := loadConfig(path, nil)
	require.EqualError(t, err, path+": secret_key: live mode needs one: 32 random bytes as text, as openssl rand -hex 32 makes it, in a file of mode 0600")

	t.Setenv("PAYMUX_SECRET_KEY", exampleKey)
	c, err := loadConfig(path, map[string]string{"listen": "127.0.0.1:0"})
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:0", c.Listen, "a flag stands above the environment")
	require.True(t, c.live(), "the environment stands above the file")
	require.Equal(t, "postgres://paymux:swordfish@db.example/paymux", c.Database)
	require.Equal(t, exampleKey, c.SecretKey.Reveal())

	t.Setenv("PAYMUX_MODE", "both")
	_, err = loadConfig(path, map[string]string{"listen": "nowhere"})
	require.ErrorContains(t, err, "PAYMUX_MODE: mode: \"both\" is neither live nor test")
	require.ErrorContains(t, err, "--listen: listen: an address such as")
}

// In test mode the simulators, http and a missing secret key are what is wanted.
func TestConfigTestMode(t *testing.T) {
	t.Setenv("EXAMPLE_PMX", "pmx$Req#example!")
	t.Setenv("EXAMPLE_SECRET_KEY", exampleSecretKey)
	c, err := loadConfig(write(t, with(map[int]string{
		2: "public_url: http://127.0.0.1:8080", 3: "", 5: "  main: {accounts: aps-ae}", 9: "    merchant_identifier: pmxMid01",
		11: "    request_phrase: ${env:EXAMPLE_PMX}", 12: "    response_phrase: ${env:EXAMPLE_PMX}",
		13: "    page_url: http://127.0.0.1:9101/FortAPI/paymentPage\n    api_url: http://127.0.0.1:9101/FortAPI/paymentApi", 17: "mode: test",
	})), nil)
	require.NoError(t, err)
	require.False(t, c.live())
}

// Time is scaled for simulators on this machine alone.
func TestConfigTimeScale(t *testing.T) {
	t.Setenv("EXAMPLE_KEY", exampleKey)
	t.Setenv("EXAMPLE_PHRASE", examplePhrase)
	simulated := "    page_url: http://127.0.0.1:9101/FortAPI/paymentPage\n    api_url: http://localhost:9101/FortAPI/paymentApi"
	cases := []struct {
		name, scale, addresses, mode string
		want                         string // after the file; empty: accepted
	}{
		{"simulator", "100", simulated, "test", ""},
		{"not at all", "1", "    environment: production", "live", ""},
		{"simulator, live", "100", simulated, "live", ":21: reliability.time_scale: live mode refuses it: real providers keep their own time"},
		{"test system", "100", "    environment: sandbox\n", "test", ":21: reliability.time_scale: account aps-ae is not at a simulator on this machine; real providers keep their own time"},
		{"one address elsewhere", "2", strings.Replace(simulated, "http://localhost:9101", "https://pay.example", 1), "test", ":21: reliability.time_scale: account aps-ae is not at a simulator on this machine; real providers keep their own time"},
		{"too much", "1001", simulated, "test", ":21: reliability.time_scale: 1001 is not between 1 and 1000"},
		{"zero", "0", simulated, "test", ":21: reliability.time_scale: 0 is not between 1 and 1000"},
		{"no number", "fast", simulated, "test", `:21: reliability.time_scale: "fast" is no whole number`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			scale := "\nreliability: {time_scale: " + c.scale + "}"
			if !strings.Contains(c.addresses, "\n") { // the scale stands in the same line everywhere
				scale = "\n" + scale
			}
			path := write(t, with(map[int]string{13: c.addresses, 17: "mode: " + c.mode, 18: "database: sqlite:paymux.db\n" + scale}))
			loaded, err := loadConfig(path, nil)
			if c.want == "" {
				require.NoError(t, err)
				require.Equal(t, c.scale, fmt.Sprint(loaded.Reliability.TimeScale))
				return
			}
			require.ErrorContains(t, err, path+c.want)
		})
	}
}

func TestConfigThatIsNone(t *testing.T) {
	for content, want := range map[string]string{
		"":                      "it is empty",
		"# nothing\n":           "it is empty",
		"- a\n":                 "a mapping of keys to values is needed",
		"{}\n":                  "accounts: there is none",
		"listen: \"\n":          "found unexpected end of stream",
		"\tlisten: a\n":         "a tab cannot stand there; indent with blanks",
		"a:\n  \tb: c\n":        ":2: a tab cannot stand there; indent with blanks",
		"a: @b\n":               "found character that cannot start any token",
		"? [a]\n: b\n":          "a key is text",
		"merchants:\n  - a\n":   "merchants: a mapping of keys to values is needed",
		"accounts:\n  a: [x]\n": "accounts.a: a mapping of keys to values is needed",
	} {
		_, err := loadConfig(write(t, content), nil)
		require.ErrorContains(t, err, want, "%q", content)
	}
	_, err := loadConfig(filepath.Join(t.TempDir(), "none.yaml"), nil)
	require.ErrorContains(t, err, "no such file")
}

// Whatever stands in a file, reading it ends in an error or a configuration.
func FuzzConfig(f *testing.F) {
	f.Add(with(nil))
	content, err := os.ReadFile("testdata/paymux.yaml")
	require.NoError(f, err)
	f.Add(string(content))
	path := filepath.Join(f.TempDir(), "paymux.yaml")
	f.Fuzz(func(t *testing.T, content string) {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		c, err := loadConfig(path, nil)
		require.NotEqual(t, c == nil, err == nil)
	})
}
