package serve

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wakeful-dev/wakeful/internal/rules"
	"github.com/wakeful-dev/wakeful/internal/yamldoc"
)

// DefaultListen and DefaultOperator are where a server is found that nobody
// told where to be.
const (
	DefaultListen   = "127.0.0.1:8080"
	DefaultOperator = "127.0.0.1:8081"
)

// Settings say how a database is served. Each can be given as a flag, in the
// environment and in the file; what is given first in that order counts.
type Settings struct {
	Config string
	DB     string
	// Name and DBPasswordFile are of a PostgreSQL database.
	Name           string
	DBPasswordFile string
	UnboundedWAL   bool
	Listen         string

	BasePath       string
	Origins        []string
	TrustedProxies []netip.Prefix
	TLSCert        string
	TLSKey         string
	Insecure       bool
	Browsable      bool

	JWTSecret     string
	JWTSecretFile string
	JWKS          string
	JWTIssuer     string
	JWTAudience   []string
	JWTLeeway     time.Duration
	AuthHeader    string
	AuthClaims    map[string]string
	Recheck       time.Duration

	Operator      string
	OperatorToken string
	LogFormat     string
	LogLevel      slog.Level
	TriggerLog    bool
	StateFile     string
	Memory        int
	Drain         time.Duration

	// Rules are the keys default and tables of the file; nil: there are none.
	Rules *rules.Rules
	// Role is the key role of the file; nil: requests run with the rights that
	// the database's connections have.
	Role *rules.Role

	given map[string]string // by the name of a setting: what it was given by
	set   *flag.FlagSet
}

// setting is one of them.
type setting struct {
	group  string // where a group of them begins: its name
	name   string
	usage  string // as package flag has it: the `value` in backquotes
	value  flag.Value
	secret bool // no flag, for everybody on the machine reads a command line; and never shown
}

func (s *Settings) all() []setting {
	return []setting{
		{group: "The database", name: "db", value: text(&s.DB), usage: "`database`: the file of a SQLite one, or the URL of a PostgreSQL one: postgres://user@host/name"},
		{name: "db-password-file", value: text(&s.DBPasswordFile), usage: "`file` with the password of the PostgreSQL user; PGPASSWORD and ~/.pgpass are read too"},
		{name: "name", value: text(&s.Name), usage: "`word` that begins the names of what is made in a PostgreSQL database (default wakeful)"},
		{name: "unbounded-wal", value: (*boolean)(&s.UnboundedWAL), usage: "follow a PostgreSQL server without max_slot_wal_keep_size: it keeps its log until the disk is full while nobody reads it"},
		{name: "trigger-log", value: (*boolean)(&s.TriggerLog), usage: "have triggers note what other programs write, by row"},

		{group: "Where it is served", name: "listen", value: text(&s.Listen), usage: "`address` to serve at"},
		{name: "base-path", value: text(&s.BasePath), usage: "`path` under which clients see everything, as /shop"},
		{name: "origin", value: texts(&s.Origins), usage: "foreign `origin` whose pages may use the API, as https://app.example.org; repeatable"},
		{name: "trusted-proxy", value: (*prefixes)(&s.TrustedProxies), usage: "`address` or network whose X-Forwarded-* headers count; repeatable"},
		{name: "tls-cert", value: text(&s.TLSCert), usage: "PEM `file` of the certificate chain; read again when it changes"},
		{name: "tls-key", value: text(&s.TLSKey), usage: "PEM `file` of its key"},
		{name: "insecure", value: (*boolean)(&s.Insecure), usage: "serve more than this machine though nobody has to sign in"},
		{name: "browsable", value: (*boolean)(&s.Browsable), usage: "have browsers shown pages in place of JSON: --browsable=false for none"},

		{group: "Who asks", name: "jwt-secret", value: text(&s.JWTSecret), secret: true, usage: "secret of tokens signed by HS256, 32 bytes or more"},
		{name: "jwt-secret-file", value: text(&s.JWTSecretFile), usage: "`file` with the secret of tokens signed by HS256, 32 bytes or more"},
		{name: "jwks", value: text(&s.JWKS), usage: "file or https `URL` of the keys of tokens signed by RS256 or ES256"},
		{name: "jwt-issuer", value: text(&s.JWTIssuer), usage: "`iss` that tokens must have"},
		{name: "jwt-audience", value: texts(&s.JWTAudience), usage: "`aud` of which tokens must have one; repeatable"},
		{name: "jwt-leeway", value: (*duration)(&s.JWTLeeway), usage: "`time` that clocks may be apart"},
		{name: "auth-header", value: text(&s.AuthHeader), usage: "`header` in which a trusted proxy names the user"},
		{name: "auth-claim", value: (*pairs)(&s.AuthClaims), usage: "`claim=header` that a trusted proxy says of the user beside; repeatable"},
		{name: "recheck", value: (*duration)(&s.Recheck), usage: "`time` after which the credentials of who follows a list are tried again"},

		{group: "Operation", name: "config", value: text(&s.Config), usage: "YAML `file` with settings, and rules of who may do what"},
		{name: "operator", value: text(&s.Operator), usage: "`address` of /metrics and of wakeful status and clear; off: none"},
		{name: "operator-token", value: text(&s.OperatorToken), secret: true, usage: "token that operators must show; needed where their address is not of this machine"},
		{name: "log-format", value: (*choice)(&s.LogFormat), usage: "`text` or json"},
		{name: "log-level", value: (*level)(&s.LogLevel), usage: "`debug`, info, warn or error"},
		{name: "state-file", value: text(&s.StateFile), usage: "`file` that keeps the sessions of version 1 clients over a restart"},
		{name: "memory", value: (*size)(&s.Memory), usage: "`bytes` that lists, logs and caches may take, as 512MiB; default: half of GOMEMLIMIT, else 1GiB"},
		{name: "drain", value: (*duration)(&s.Drain), usage: "`time` over which a stop closes connections"},
	}
}

// NewSettings returns the defaults, and puts a flag for each setting into set.
func NewSettings(set *flag.FlagSet) *Settings {
	s := &Settings{
		Listen: DefaultListen, Browsable: true, JWTLeeway: 30 * time.Second, Recheck: 30 * time.Second,
		Operator: DefaultOperator, LogFormat: "text", LogLevel: slog.LevelInfo, Drain: 3 * time.Second,
		given: map[string]string{}, set: set,
	}
	for _, one := range s.all() {
		if !one.secret {
			set.Var(one.value, one.name, one.usage)
		}
	}
	return s
}

// Usage lists the settings for --help.
func (s *Settings) Usage(w io.Writer) {
	for _, one := range s.all() {
		if one.group != "" {
			fmt.Fprintf(w, "%s:\n", one.group)
		}
		if one.secret {
			fmt.Fprintf(w, "  %s\n        %s (not a flag: the command line is no secret)\n", environment(one.name), one.usage)
			continue
		}
		value, usage := flag.UnquoteUsage(&flag.Flag{Name: one.name, Usage: one.usage, Value: one.value})
		if strings.HasPrefix(one.usage, "have ") || one.name == "insecure" || one.name == "unbounded-wal" {
			value = ""
		}
		if f := s.set.Lookup(one.name); f.DefValue != "" && f.DefValue != "false" {
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(w, "%s\n        %s\n", strings.TrimRight("  --"+one.name+" "+value, " "), usage)
	}
}

// Has reports whether there is a setting of this name.
func (s *Settings) Has(name string) bool {
	return slices.ContainsFunc(s.all(), func(one setting) bool { return one.name == name })
}

// environment is the name of a setting there.
func environment(name string) string {
	return "WAKEFUL_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// key is the name of a setting in the file.
func key(name string) string { return strings.ReplaceAll(name, "-", "_") }

// Load fills in what no flag gave: from the environment, then from the file.
// The flags are parsed already.
func (s *Settings) Load(lookup func(string) (string, bool)) error {
	s.set.Visit(func(f *flag.Flag) { s.given[f.Name] = "--" + f.Name })
	var errs []error
	for _, one := range s.all() {
		name := environment(one.name)
		text, ok := lookup(name)
		if !ok || s.given[one.name] != "" {
			continue
		}
		s.given[one.name] = name
		if err := give(one.value, []string{text}, true); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	if s.Config != "" {
		if err := s.loadFile(); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return s.check()
}

// give sets a value. In the environment the elements of a list stand between
// commas.
func give(value flag.Value, texts []string, commas bool) error {
	many, ok := value.(list)
	if ok && commas {
		texts = slices.DeleteFunc(strings.Split(texts[0], ","), func(s string) bool { return strings.TrimSpace(s) == "" })
	}
	if ok {
		many.clear()
	} else if len(texts) != 1 {
		return errors.New("want one value")
	}
	for _, text := range texts {
		if ok && commas {
			text = strings.TrimSpace(text)
		}
		if err := value.Set(text); err != nil {
			return err
		}
	}
	return nil
}

const maxConfig = 1 << 20

func (s *Settings) loadFile() error {
	file, err := os.Open(s.Config)
	if err != nil {
		return fmt.Errorf("%s: %w", s.given["config"], err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxConfig+1))
	if err != nil {
		return fmt.Errorf("%s: %w", s.given["config"], err)
	}
	if len(text) > maxConfig {
		return fmt.Errorf("%s: more than %d bytes", s.Config, maxConfig)
	}
	root, ok, err := yamldoc.Parse(text)
	if err == nil && ok {
		err = s.read(root)
	}
	if err != nil {
		return fmt.Errorf("%s:\n%w", s.Config, err)
	}
	return nil
}

// read takes what the file says.
func (s *Settings) read(root yamldoc.Node) error {
	var otherwise, tables *yamldoc.Node
	known := map[string]func(yamldoc.Node) error{
		"default": func(n yamldoc.Node) error { otherwise = &n; return nil },
		"tables":  func(n yamldoc.Node) error { tables = &n; return nil },
		"role":    func(n yamldoc.Node) (err error) { s.Role, err = rules.ParseRole(n); return err },
	}
	for _, one := range s.all() {
		if one.name == "config" {
			continue
		}
		known[key(one.name)] = func(n yamldoc.Node) error {
			texts, err := n.Texts()
			if err != nil {
				return err
			}
			if s.given[one.name] != "" {
				return nil
			}
			s.given[one.name] = s.Config + ", line " + strconv.Itoa(n.Line)
			if err := give(one.value, texts, false); err != nil {
				return n.Errorf("%v", err)
			}
			return nil
		}
	}
	err := root.Each(known)
	if otherwise != nil || tables != nil {
		var bad error
		s.Rules, bad = rules.Parse(otherwise, tables)
		err = errors.Join(err, bad)
	}
	return err
}

// Unknown lists what looks like a setting in the environment and is none.
func (s *Settings) Unknown(environ []string) []string {
	var unknown []string
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "WAKEFUL_") && !slices.ContainsFunc(s.all(), func(one setting) bool { return environment(one.name) == name }) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}

// Print writes the settings as the file would have them, each with what gave
// it. Secrets are not shown.
func (s *Settings) Print(w io.Writer) {
	for _, one := range s.all() {
		by := s.given[one.name]
		switch {
		case one.name == "db" && s.postgres():
			fmt.Fprintf(w, "%s: %s # %s%s\n", key(one.name), strconv.Quote(s.Database()), by, withoutPassword(s))
		case (one.secret || hides(one.value.String())) && by != "":
			fmt.Fprintf(w, "# %s: is set, by %s\n", key(one.name), by)
		case one.secret || one.name == "config":
		case one.value.String() == "":
			fmt.Fprintf(w, "# %s: not set\n", key(one.name))
		case by == "":
			fmt.Fprintf(w, "%s: %s # default\n", key(one.name), shown(one.value))
		default:
			fmt.Fprintf(w, "%s: %s # %s\n", key(one.name), shown(one.value), by)
		}
	}
}

func withoutPassword(s *Settings) string {
	if s.Database() == s.DB {
		return ""
	}
	return ", without its password"
}

// hides reports whether a text is a URL with a password in it.
func hides(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme != "" && u.User != nil
}

// shown is a value as YAML has it.
func shown(value flag.Value) string {
	if many, ok := value.(list); ok {
		quoted := many.elements()
		for i := range quoted {
			quoted[i] = strconv.Quote(quoted[i])
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	if _, ok := value.(*boolean); ok {
		return value.String()
	}
	return strconv.Quote(value.String())
}

// check refuses what cannot be meant.
func (s *Settings) check() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	errs = append(errs, s.checkDatabase())
	if s.BasePath != "" {
		s.BasePath = "/" + strings.Trim(s.BasePath, "/")
		if u, err := url.Parse(s.BasePath); err != nil || u.Path != s.BasePath || s.BasePath == "/" || strings.Contains(s.BasePath, "//") {
			wrong("--base-path %q: want a path like /shop", s.BasePath)
		}
	}
	for i, origin := range s.Origins {
		s.Origins[i] = strings.ToLower(strings.TrimSuffix(origin, "/"))
		if u, err := url.Parse(s.Origins[i]); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil {
			wrong("--origin %q: want an origin like https://app.example.org", origin)
		}
	}
	errs = append(errs, s.checkEmpty())
	if (s.TLSCert == "") != (s.TLSKey == "") {
		wrong("--tls-cert and --tls-key belong together: one of them is missing")
	}
	if s.JWTSecret != "" && s.JWTSecretFile != "" {
		wrong("jwt_secret (%s) and jwt_secret_file (%s) are both set: give one", s.given["jwt-secret"], s.given["jwt-secret-file"])
	}
	if s.AuthHeader != "" && len(s.TrustedProxies) == 0 {
		wrong("--auth-header needs --trusted-proxy: else anybody could say who he is")
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"recheck", s.Recheck}, {"drain", s.Drain}} {
		if d.value <= 0 {
			wrong("--%s %s: want a time above 0, as 30s", d.name, d.value)
		}
	}
	if err := s.checkListen(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// checkEmpty refuses a guard that is there and says nothing, as a variable that
// was never set leaves it: the server would be open, and nobody would know.
func (s *Settings) checkEmpty() error {
	var errs []error
	guards := []string{"jwt-secret", "jwt-secret-file", "jwks", "jwt-issuer", "jwt-audience", "auth-header", "operator-token"}
	for _, one := range s.all() {
		if by := s.given[one.name]; by != "" && one.value.String() == "" && slices.Contains(guards, one.name) {
			errs = append(errs, fmt.Errorf("%s is empty (%s): give it a value, or leave it out", key(one.name), by))
		}
	}
	return errors.Join(errs...)
}

// authenticated reports whether there is a way to sign in.
func (s *Settings) authenticated() bool {
	return s.JWTSecret != "" || s.JWTSecretFile != "" || s.JWKS != "" || s.AuthHeader != ""
}

// minOperatorToken is how long a token is that nobody guesses.
const minOperatorToken = 16

// checkListen refuses to open to the world what nobody guards.
func (s *Settings) checkListen() error {
	var errs []error
	if ofMachine, err := loopback(s.Listen); err != nil {
		errs = append(errs, fmt.Errorf("--listen %q: %w", s.Listen, err))
	} else if !ofMachine && !s.authenticated() && !s.Insecure {
		errs = append(errs, fmt.Errorf("--listen %s would let everybody who reaches this machine read and write the database, for nobody has to sign in.\n"+
			"Say how to sign in (--jwks, --jwt-secret-file, or --auth-header behind a proxy), or serve this machine only (--listen %s),\n"+
			"or say that it is meant: --insecure", s.Listen, DefaultListen))
	}
	if n := len(s.OperatorToken); n > 0 && n < minOperatorToken {
		errs = append(errs, fmt.Errorf("%s is shorter than %d characters: whoever guesses it is an operator", environment("operator-token"), minOperatorToken))
	}
	if s.Operator == "off" {
		return errors.Join(errs...)
	}
	if ofMachine, err := loopback(s.Operator); err != nil {
		errs = append(errs, fmt.Errorf("--operator %q: %w; or off", s.Operator, err))
	} else if !ofMachine && s.OperatorToken == "" {
		errs = append(errs, fmt.Errorf("--operator %s is not of this machine: set %s, which operators then must show", s.Operator, environment("operator-token")))
	}
	return errors.Join(errs...)
}

// loopback reports whether an address is reached from this machine alone.
func loopback(address string) (bool, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false, errors.New("want an address with a port, as 127.0.0.1:8080 or :8080")
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return false, fmt.Errorf("%q is no port", port)
	}
	if host == "localhost" {
		return true, nil
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback(), nil
}
