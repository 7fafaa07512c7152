package hosted

// Words are the texts of the page around a provider's script, in one language.
type Words struct {
	Lang     string
	Title    string
	Continue string // the button of the form
	Missing  string // the script did not run
	Again    string
	Back     string
}

// spoken are the languages that buttons of providers speak; a page that has another is in English.
var spoken = map[string]Words{
	"en": {"en", "Continue to payment", "Continue to payment", "The payment button needs JavaScript and did not load. Something in your browser may be holding it back.", "Try again", "Back to the shop"},
	"de": {"de", "Weiter zur Zahlung", "Weiter zur Zahlung", "Die Schaltfläche zum Bezahlen braucht JavaScript und wurde nicht geladen. Vielleicht hält etwas in Ihrem Browser sie zurück.", "Noch einmal versuchen", "Zurück zum Shop"},
	"fr": {"fr", "Continuer vers le paiement", "Continuer vers le paiement", "Le bouton de paiement a besoin de JavaScript et ne s’est pas chargé. Votre navigateur le bloque peut-être.", "Réessayer", "Retour à la boutique"},
	"it": {"it", "Continua con il pagamento", "Continua con il pagamento", "Il pulsante di pagamento ha bisogno di JavaScript e non è stato caricato. Forse qualcosa nel browser lo blocca.", "Riprova", "Torna al negozio"},
	"es": {"es", "Continuar con el pago", "Continuar con el pago", "El botón de pago necesita JavaScript y no se ha cargado. Es posible que algo en su navegador lo bloquee.", "Intentarlo de nuevo", "Volver a la tienda"},
	"ja": {"ja", "お支払いに進む", "お支払いに進む", "お支払いボタンには JavaScript が必要ですが、読み込めませんでした。ブラウザーによりブロックされている可能性があります。", "もう一度試す", "ショップに戻る"},
}
