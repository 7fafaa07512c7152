// Package hosted renders the pages a buyer meets at paymux itself: the one that performs a next action, and the one
// that says where a payment stands. They work without script, ask no other host, and tell nothing about the payment
// but what its buyer knows.
package hosted

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"strings"
)

//go:embed *.html style.css widget.js
var files embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{"style": func() template.CSS { return template.CSS(style) }, "submit": func() template.JS { return submit },
	"widget": func() template.JS { return template.JS(widget) }}).ParseFS(files, "*.html"))

// style, submit and widget are inline, and named by their hash in the policy: nothing else of ours runs or is loaded.
var style, widget = read("style.css"), strings.TrimSpace(read("widget.js"))

const submit = `document.getElementById("go").submit()`

func read(name string) string {
	b, err := files.ReadFile(name)
	if err != nil {
		panic("hosted: " + err.Error()) // the file is embedded
	}
	return string(b)
}

// language is the first part of a language tag.
func language(tag string) string {
	first, _, _ := strings.Cut(strings.ReplaceAll(tag, "_", "-"), "-")
	return strings.ToLower(first)
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Form is a page that posts Fields to URL: by script at once, by its button without. The button has no name, because
// whatever has one would be sent as well.
type Form struct {
	Lang   string
	URL    string
	Fields [][2]string
}

// Widget is a page that loads a provider's script and hands it Config, letter by letter as it is: texts in it may be signed.
// Where the script does not run or draws nothing the page says so, with a way to try again; Fields, where given, are a form
// to FormURL that does the same without script. Shop, About and Amount say what is paid, Back is the way back to the shop; each
// may be empty. With Later the buyer agrees to be charged later, and the page says that nothing is charged now. Lang is the
// language of the script's own texts, such as "de" or "de_DE".
type Widget struct {
	Lang      string
	ScriptURL string
	Config    map[string]any
	FormURL   string
	Fields    [][2]string

	Shop, About, Amount, Back string
	Later                     bool
}

// Text is what the page says, in the language of the script as far as it is spoken here.
func (w Widget) Text() Words { return in(w.Lang) }

// Text is what the page says.
func (f Form) Text() Words { return in(f.Lang) }

// Notice is a page with one message and, with Link set, a way on; with Refresh it loads itself again after so many seconds.
type Notice struct {
	Lang, Title, Text string
	Link, LinkText    string
	Refresh           int
}

// Write answers with the page for data, a Form, a Widget or a Notice.
func Write(w http.ResponseWriter, status int, data any) error {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	name, policy := "notice.html", "style-src "+hash(style)+"; script-src 'none'; form-action 'none'"
	switch page := data.(type) {
	case Form:
		name, policy = "form.html", "style-src "+hash(style)+"; script-src "+hash(submit)+"; form-action "+origin(page.URL)
	case Widget:
		// One script may run, from where the provider serves it; what it draws and where it leads is its own business, but
		// it leads to https or to where it came from. It is told which site this is, which providers check, and no path.
		name, policy = "widget.html", widgetPolicy(origin(page.ScriptURL))
		h.Set("Referrer-Policy", "strict-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin-allow-popups")
	}
	h.Set("Content-Security-Policy", "default-src 'none'; "+policy+"; frame-ancestors 'none'; base-uri 'none'")
	w.WriteHeader(status)
	return render(w, name, data)
}

func widgetPolicy(script string) string {
	its := " https: " + script
	return "script-src " + hash(widget) + " " + script + "; style-src 'unsafe-inline'; img-src data:" + its + "; font-src data:" + its +
		"; connect-src" + its + "; frame-src" + its + "; form-action" + its
}

func render(w io.Writer, name string, data any) error { return pages.ExecuteTemplate(w, name, data) }

// origin is what a form may be posted to: the provider's host, nobody else's.
func origin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "'none'"
	}
	return u.Scheme + "://" + u.Host
}
