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
)

//go:embed *.html style.css
var files embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{"style": func() template.CSS { return template.CSS(style) }, "submit": func() template.JS { return submit }}).ParseFS(files, "*.html"))

// style and submit are inline, and named by their hash in the policy: nothing else runs or is loaded.
var style = read("style.css")

const submit = `document.getElementById("go").submit()`

func read(name string) string {
	b, err := files.ReadFile(name)
	if err != nil {
		panic("hosted: " + err.Error()) // the file is embedded
	}
	return string(b)
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

// Notice is a page with one message and, with Link set, a way on; with Refresh it loads itself again after so many seconds.
type Notice struct {
	Lang, Title, Text string
	Link, LinkText    string
	Refresh           int
}

// Write answers with the page for data, a Form or a Notice.
func Write(w http.ResponseWriter, status int, data any) error {
	name, action := "notice.html", "'none'"
	if f, ok := data.(Form); ok {
		name, action = "form.html", origin(f.URL)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src "+hash(style)+"; script-src "+hash(submit)+
		"; form-action "+action+"; frame-ancestors 'none'; base-uri 'none'")
	w.WriteHeader(status)
	return render(w, name, data)
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
