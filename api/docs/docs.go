// Package docs renders the contract for people: one page, made from the document that the program has with it. It asks no
// other host and has no script.
package docs

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"sync"

	"github.com/paymux/paymux/api/openapi"
)

//go:embed page.html style.css
var files embed.FS

// page is made once, and is the same from then on.
var page = sync.OnceValues(func() ([]byte, error) { return render(openapi.YAML) })

// Handler answers with the page.
func Handler(w http.ResponseWriter, _ *http.Request) error {
	made, err := page()
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src "+hash(style())+"; form-action 'none'; frame-ancestors 'none'; base-uri 'none'")
	_, _ = w.Write(made) // a reader who went away is nobody's error
	return nil
}

// render is the page about a contract.
func render(contract []byte) ([]byte, error) {
	c, err := read(contract)
	if err != nil {
		return nil, err
	}
	t, err := template.New("page.html").Funcs(template.FuncMap{"style": func() template.CSS { return template.CSS(style()) }, "prose": prose}).ParseFS(files, "page.html")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, c)
	return b.Bytes(), err
}

func style() string {
	text, _ := files.ReadFile("style.css") // it is embedded
	return string(text)
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
