package simulator

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"html/template"
	"net/http"
)

//go:embed style.css
var style string

// Style is the common look of the hosted pages, to be put into one style element that bears the page's nonce.
// A page sets the custom properties --brand, --on-brand and --font to differ.
var Style = template.CSS(style)

// WritePage renders a template of a hosted page. The data is what content returns for a fresh nonce;
// only style and script elements bearing it take effect, and nothing is loaded from elsewhere.
// Forms may be sent anywhere: a return to the shop is one.
func WritePage(w http.ResponseWriter, status int, t *template.Template, name string, content func(nonce string) any) error {
	nonce := rand.Text()
	var page bytes.Buffer
	if err := t.ExecuteTemplate(&page, name, content(nonce)); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+nonce+"'; script-src 'nonce-"+nonce+
		"'; img-src data:; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "strict-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, err := page.WriteTo(w)
	return err
}
