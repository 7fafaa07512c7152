package sandbox

import (
	_ "embed"
	"net/http"
)

// ScriptPath is the stand-in for Amazon's checkout.js. It posts to ButtonPath, ChangePath and UpgradePath, which lie
// beside it; a page or client without script posts the same fields to the same places.
const (
	ScriptPath  = "/checkout.js"
	ButtonPath  = "/button"
	ChangePath  = "/change"
	UpgradePath = "/upgrade"
)

//go:embed checkout.js
var checkoutScript []byte

// serveScript gives the script to pages of any origin.
func (s *Server) serveScript(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	_, _ = w.Write(checkoutScript) // the browser left; nobody to tell
}
