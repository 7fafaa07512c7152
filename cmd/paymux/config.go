package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-playground/validator/v10"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/v2"

	"github.com/paymux/paymux/core"
	"github.com/paymux/paymux/providers"
	"github.com/paymux/paymux/providers/secret"
)

// config is paymux.yaml, checked: what it names exists, and every account's settings satisfy its provider.
type config struct {
	Listen    string              `koanf:"listen"`
	PublicURL string              `koanf:"public_url"`
	Database  string              `koanf:"database"`
	Mode      string              `koanf:"mode"`
	SecretKey secret.Secret       `koanf:"secret_key"`
	Timeouts  timeouts            `koanf:"timeouts"`
	Webhooks  webhooks            `koanf:"webhooks"`
	Merchants map[string]merchant `koanf:"merchants"`
	Accounts  map[string]account  `koanf:"accounts"`
	Routing   []rule              `koanf:"routing"`

	Reliability reliability `koanf:"reliability"`

	TrustedProxies []string `koanf:"trusted_proxies"` // addresses and networks whose X-Forwarded-For is believed
	Limits         limits   `koanf:"limits"`
}

// timeouts bound calls and the stop of the process.
type timeouts struct {
	budget     `koanf:",squash"`
	BeforeStop time.Duration `koanf:"before_stop"` // between "not ready" and the end of intake, for load balancers
	Stop       time.Duration `koanf:"stop"`        // for requests that run when intake ends
}

// reliability is how patient the program is.
type reliability struct {
	TimeScale int           `koanf:"time_scale"`            // every wait is divided by it; only with all accounts at simulators
	KeepKeys  time.Duration `koanf:"keep_idempotency_keys"` // how long; afterwards the same request is a new one
}

// webhooks say where merchants may be told of their events.
type webhooks struct {
	Ports         []int `koanf:"ports"`          // of their endpoints; none: 443 and 8443
	AllowLoopback bool  `koanf:"allow_loopback"` // endpoints on this machine, at any port and over http, in test mode
}

type merchant struct {
	Accounts    []string `koanf:"accounts"`     // in order of preference
	ReturnHosts []string `koanf:"return_hosts"` // where its buyers may be sent back to
}

// account is what every account has; the settings of its provider stand beside it.
type account struct {
	Provider string `koanf:"provider"`
	State    string `koanf:"state"` // active (empty), draining, disabled
	Timeouts budget `koanf:"timeouts"`
	settings *koanf.Koanf
}

type rule struct {
	When when     `koanf:"when"`
	Use  []string `koanf:"use"`
}

type when struct {
	Method   []string `koanf:"method"`
	Currency []string `koanf:"currency"`
	Country  []string `koanf:"country"`
}

const (
	modeLive = "live"
	modeTest = "test"
)

func (c *config) live() bool { return c.Mode == modeLive }

// defaults hold for what is neither in the file nor in the environment nor a flag.
func defaults() config {
	return config{Listen: "127.0.0.1:8080", Database: "sqlite:paymux.db", Mode: modeLive,
		Timeouts:    timeouts{budget: usualBudget, BeforeStop: 5 * time.Second, Stop: 30 * time.Second},
		Reliability: reliability{TimeScale: 1, KeepKeys: 30 * 24 * time.Hour}, Limits: usualLimits}
}

// loadConfig reads the file at path. Over it stand PAYMUX_LISTEN, PAYMUX_DATABASE, PAYMUX_PUBLIC_URL, PAYMUX_MODE and
// PAYMUX_SECRET_KEY, and over these flags, by the name of the key they set. Relative paths in the file begin at its folder,
// those of the environment and of flags at the current one; what is returned has the absolute ones. The error names every
// problem with its line and shows no secret.
func loadConfig(path string, flags map[string]string) (*config, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &configError{fmt.Errorf("the configuration cannot be read: %w\n--config names another one; cmd/paymux/testdata has two to begin with: "+
			"paymux.yaml, with every key, and sandbox.yaml, for the simulators", err)}
	}
	if err != nil {
		return nil, &configError{fmt.Errorf("the configuration cannot be read: %w", err)}
	}
	d, c := newDocument(path), defaults()
	values := d.parse(content, reflect.TypeFor[config]())
	if values == nil {
		return nil, d.err()
	}
	k := koanf.New(".")
	if err := errors.Join(k.Load(tree(values), nil), k.Load(environment(d), nil), k.Load(overrides(d, flags), nil)); err != nil {
		return nil, &configError{fmt.Errorf("%s: %w", path, err)}
	}
	if k.Unmarshal("", &c) != nil { // every value was read against its type; the cause would repeat it
		d.wrong("", "it does not have the shape of a configuration")
		return nil, d.err()
	}
	for name, a := range c.Accounts {
		a.settings = k.Cut("accounts." + name)
		c.Accounts[name] = a
	}
	c.Database = d.located(c.Database)
	d.check(&c)
	if err := d.err(); err != nil {
		return nil, err
	}
	return &c, nil
}

// located is dsn with the absolute path of its file, where it is one of SQLite: so the same configuration is the same
// database, wherever the program is started.
func (d *document) located(dsn string) string {
	path, ok := strings.CutPrefix(dsn, "sqlite:")
	if !ok || path == "" || path == ":memory:" {
		return dsn
	}
	if from, written := d.at["database"]; written && from.line == 0 { // the environment's, or a flag
		if abs, err := filepath.Abs(path); err == nil {
			return "sqlite:" + abs
		}
		return dsn
	}
	return "sqlite:" + d.beside(path)
}

// othersMayChange reports whether somebody beside its owner may write to the file at path, and so choose where money goes.
func othersMayChange(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o022 != 0
}

// fromOutside are the keys that environment and flags may set.
var fromOutside = []string{"listen", "database", "public_url", "mode", "secret_key"}

const envPrefix = "PAYMUX_"

func environment(d *document) koanf.Provider {
	return env.Provider("", env.Opt{Prefix: envPrefix, TransformFunc: func(name, value string) (string, any) {
		key := strings.ToLower(strings.TrimPrefix(name, envPrefix))
		if value == "" || !slices.Contains(fromOutside, key) {
			return "", nil
		}
		d.at[key], d.referred[key] = place{name: name}, true
		return key, value
	}})
}

func overrides(d *document, flags map[string]string) koanf.Provider {
	set := tree{}
	for key, value := range flags {
		if value != "" {
			set[key], d.at[key], d.referred[key] = value, place{name: "--" + key}, true
		}
	}
	return set
}

// check finds what is wrong beyond the shape.
func (d *document) check(c *config) {
	if c.Mode != modeLive && c.Mode != modeTest {
		d.wrong("mode", "%q is neither live nor test", c.Mode)
	}
	if host, port, err := net.SplitHostPort(c.Listen); err != nil || !isPort(port) || strings.ContainsAny(host, " /") {
		d.wrong("listen", "an address such as :8080 or 127.0.0.1:8080 is needed")
	}
	d.checkPublicURL(c)
	d.checkDatabase(c.Database)
	switch {
	case c.SecretKey.Empty() && c.live() && !d.bad["secret_key"]:
		d.wrong("secret_key", "live mode needs one: 32 random bytes as text, as openssl rand -hex 32 makes it, in a file of mode 0600")
	case c.live() && c.SecretKey.Reveal() == exampleSecretKey:
		d.wrong("secret_key", "it is the example of paymux sandbox, which live mode refuses")
	case !c.SecretKey.Empty() && len(c.SecretKey.Reveal()) < 32:
		d.wrong("secret_key", "it has less than 32 characters")
	}
	d.checkWebhooks(c)
	d.checkBudgets(c)
	d.checkAccounts(c)
	d.checkMerchants(c)
	d.checkRouting(c)
	d.checkTimeScale(c)
	d.checkKeepKeys(c.Reliability.KeepKeys)
	d.checkProxies(c)
	d.checkLimits(c)
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n <= 65535
}

func (d *document) checkPublicURL(c *config) {
	u, err := url.Parse(c.PublicURL)
	switch {
	case c.PublicURL == "":
		d.wrong("public_url", "it is missing: where buyers and providers reach this program, such as https://pay.example")
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		d.wrong("public_url", "an absolute http or https address without user, query and fragment is needed")
	case c.live() && u.Scheme != "https":
		d.wrong("public_url", "live mode wants https")
	case c.live() && loopback(u.Hostname()):
		d.wrong("public_url", "live mode refuses this machine's own address; nobody else reaches it")
	}
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && (ip.Unmap().IsLoopback() || ip.IsUnspecified())
}

func (d *document) checkDatabase(dsn string) {
	scheme, rest, _ := strings.Cut(dsn, ":")
	switch scheme {
	case "sqlite":
		if rest == "" {
			d.wrong("database", "a path is needed after sqlite:")
		}
	case "postgres", "postgresql":
		if u, err := url.Parse(dsn); err != nil || u.Path == "" && u.RawQuery == "" {
			d.wrong("database", "it is no address of Postgres such as postgres://user@host/name")
		} else if _, written := u.User.Password(); written && !d.referred["database"] {
			d.wrong("database", "a password is not written here; refer to it: postgres://user:${env:NAME}@host/name")
		}
	default:
		d.wrong("database", "sqlite:path or postgres://… is needed")
	}
}

func (d *document) checkWebhooks(c *config) {
	if c.live() && c.Webhooks.AllowLoopback {
		d.wrong("webhooks.allow_loopback", "live mode refuses endpoints on this machine")
	}
	for i, port := range c.Webhooks.Ports {
		if port < 1 || port > 65535 {
			d.wrong(fmt.Sprintf("webhooks.ports[%d]", i), "%d is not between 1 and 65535", port)
		}
	}
}

var accountStates = []string{"", string(core.AccountActive), string(core.AccountDraining), string(core.AccountDisabled)}

func (d *document) checkAccounts(c *config) {
	if len(c.Accounts) == 0 && !d.bad["accounts"] {
		d.wrong("accounts", "there is none")
	}
	for name, a := range c.Accounts {
		path := "accounts." + name
		if !slices.Contains(accountStates, a.State) {
			d.wrong(path+".state", "%q is none of active, draining, disabled", a.State)
		}
		if providers.Settings(a.Provider) == nil {
			if !d.bad[path] {
				d.wrong(path+".provider", "%q is none of %s", a.Provider, strings.Join(providers.Names(), ", "))
			}
			continue
		}
		err := providers.Check(a.Provider, a.settings, c.Mode != modeTest)
		if err == nil {
			continue
		}
		for line := range strings.SplitSeq(err.Error(), "\n") {
			key, text, _ := strings.Cut(line, ": ")
			if below := path + "." + key; !d.bad[below] || !strings.HasPrefix(text, "it is missing") {
				d.wrong(below, "%s", text)
			}
		}
	}
}

// maxTimeScale keeps the longest call at a few milliseconds and more.
const maxTimeScale = 1000

// checkTimeScale refuses to hurry anybody but simulators: a real provider keeps its own time.
func (d *document) checkTimeScale(c *config) {
	const path = "reliability.time_scale"
	scale := c.Reliability.TimeScale
	switch {
	case d.bad[path]:
	case scale < 1 || scale > maxTimeScale:
		d.wrong(path, "%d is not between 1 and %d", scale, maxTimeScale)
	case scale == 1:
	case c.live():
		d.wrong(path, "live mode refuses it: real providers keep their own time")
	default:
		for _, name := range slices.Sorted(maps.Keys(c.Accounts)) {
			if a := c.Accounts[name]; providers.Settings(a.Provider) != nil && !providers.Simulated(a.Provider, a.settings) {
				d.wrong(path, "account %s is not at a simulator on this machine; real providers keep their own time", name)
			}
		}
	}
}

// leastKeepKeys is how long a client may take to repeat a request that it got no answer to.
const leastKeepKeys, mostKeepKeys = 24 * time.Hour, 366 * 24 * time.Hour

func (d *document) checkKeepKeys(keep time.Duration) {
	if path := "reliability.keep_idempotency_keys"; !d.bad[path] && (keep < leastKeepKeys || keep > mostKeepKeys) {
		d.wrong(path, "%s is not between %s and %s", keep, leastKeepKeys, mostKeepKeys)
	}
}

var hostPattern = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func (d *document) checkMerchants(c *config) {
	if len(c.Merchants) == 0 && !d.bad["merchants"] {
		d.wrong("merchants", "there is none")
	}
	for name, m := range c.Merchants {
		path := "merchants." + name
		if len(m.Accounts) == 0 && !d.bad[path] {
			d.wrong(path+".accounts", "there is none")
		}
		d.checkUse(c, path+".accounts", m.Accounts)
		if c.live() && len(m.ReturnHosts) == 0 && !d.bad[path] {
			d.wrong(path+".return_hosts", "live mode needs the hosts that buyers may be sent back to")
		}
		for i, host := range m.ReturnHosts {
			if !hostPattern.MatchString(host) {
				d.wrong(fmt.Sprintf("%s.return_hosts[%d]", path, i), "%q is no host such as shop.example: no scheme, no port, lower case", host)
			} else if c.live() && loopback(host) {
				d.wrong(fmt.Sprintf("%s.return_hosts[%d]", path, i), "live mode refuses this machine")
			}
		}
	}
}

// checkUse finds names of accounts that do not exist or stand twice.
func (d *document) checkUse(c *config, path string, names []string) {
	for i, name := range names {
		at := fmt.Sprintf("%s[%d]", path, i)
		if _, ok := c.Accounts[name]; !ok && !d.bad["accounts."+name] {
			d.wrong(at, "there is no account %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(c.Accounts)), ", "))
		}
		if slices.Contains(names[:i], name) {
			d.wrong(at, "%q stands here twice", name)
		}
	}
}

// methods are the types of method that an order may ask for.
var methods = []string{"amazon_pay", "card", "wallet", "paypal", "sepa_debit", "bank_redirect", "invoice", "prepayment", "any"}

func (d *document) checkRouting(c *config) {
	validate := validator.New()
	for i, r := range c.Routing {
		path := fmt.Sprintf("routing[%d]", i)
		if len(r.Use) == 0 {
			d.wrong(path+".use", "there is no account")
		}
		d.checkUse(c, path+".use", r.Use)
		each := func(key string, values []string, known func(string) bool, what string) {
			for j, v := range values {
				if !known(v) {
					d.wrong(fmt.Sprintf("%s.when.%s[%d]", path, key, j), "%q is no %s", v, what)
				}
			}
		}
		each("method", r.When.Method, func(v string) bool { return slices.Contains(methods, v) }, "method; there are "+strings.Join(methods, ", "))
		each("currency", r.When.Currency, func(v string) bool { _, ok := core.Exponent(v); return ok }, "ISO 4217 currency")
		each("country", r.When.Country, func(v string) bool { return validate.Var(v, "iso3166_1_alpha2") == nil }, "ISO 3166 country of two letters")
	}
}
