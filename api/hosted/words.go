package hosted

import "strings"

// Words are the texts of the pages in one language. Those of Notices are a title and a sentence.
type Words struct {
	Lang string

	Title    string // of a payment button
	Later    string // title of a button for a consent to charge later
	Nothing  string // what a consent does not do
	Continue string // the button of a form
	Missing  string // the script did not run
	Again    string
	Back     string

	Leading [2]string // a form that posts itself
	Notices map[Kind][2]string
}

// Kind is what a Notice tells.
type Kind string

// What is told to buyers.
const (
	Accepted   Kind = "accepted"   // the payment is made, or the money reserved
	Checking   Kind = "checking"   // the payment is not decided yet
	Confirming Kind = "confirming" // nor is a consent
	Ended      Kind = "ended"      // the payment was canceled
	Refused    Kind = "refused"    // nothing was charged
	Open       Kind = "open"       // the payment waits for the buyer
	Unknown    Kind = "unknown"    // the link leads nowhere
	Unreadable Kind = "unreadable" // what the browser brought cannot be read
	Busy       Kind = "busy"       // too often, just now
	NotNow     Kind = "not_now"    // the payment cannot be looked up just now
)

// Tell is the notice of a kind, in the language of a tag such as "de-DE" as far as it is spoken here, else in English.
func Tell(kind Kind, tag string) Notice {
	words := in(tag)
	text := words.Notices[kind]
	return Notice{Lang: words.Lang, Title: text[0], Text: text[1], LinkText: words.Back}
}

// Preferred is the first language of an Accept-Language header that is spoken here, empty where none is.
func Preferred(header string) string {
	for tag := range strings.SplitSeq(header, ",") {
		tag, _, _ = strings.Cut(strings.TrimSpace(tag), ";")
		if words, ok := spoken[language(tag)]; ok {
			return words.Lang
		}
	}
	return ""
}

// in are the words of a language, English ones where it is not spoken here.
func in(tag string) Words {
	if words, ok := spoken[language(tag)]; ok {
		return words
	}
	return spoken["en"]
}

// spoken are the languages that buttons of providers speak.
var spoken = map[string]Words{
	"en": {
		Lang: "en", Title: "Continue to payment", Later: "Your payment method for later", Nothing: "Nothing is charged now.",
		Continue: "Continue", Again: "Try again", Back: "Back to the shop",
		Missing: "The button needs JavaScript and did not load. Something in your browser may be holding it back.",
		Leading: [2]string{"You are being taken to the payment page", "If nothing happens within a moment, use the button."},
		Notices: map[Kind][2]string{
			Accepted:   {"Thank you", "Your payment was accepted."},
			Checking:   {"One moment", "Your payment is being checked. This page looks again by itself."},
			Confirming: {"One moment", "This is being checked. This page looks again by itself."},
			Ended:      {"Nothing was paid", "This payment was ended."},
			Refused:    {"The payment did not go through", "Nothing was charged. You can try again in the shop."},
			Open:       {"Your payment is open", "Go back to the shop to go on."},
			Unknown:    {"There is nothing here", "The link is not valid or no longer valid. Go back to the shop and start again from there."},
			Unreadable: {"This address cannot be read", "Go back to the shop; your payment is not affected."},
			Busy:       {"One moment", "This page looks again by itself."},
			NotNow:     {"One moment", "We could not look up your payment just now. This page looks again by itself."},
		},
	},
	"de": {
		Lang: "de", Title: "Weiter zur Zahlung", Later: "Ihre Zahlungsart für später", Nothing: "Jetzt wird nichts abgebucht.",
		Continue: "Weiter", Again: "Noch einmal versuchen", Back: "Zurück zum Shop",
		Missing: "Die Schaltfläche braucht JavaScript und wurde nicht geladen. Vielleicht hält etwas in Ihrem Browser sie zurück.",
		Leading: [2]string{"Sie werden zur Zahlungsseite geleitet", "Falls gleich nichts geschieht, verwenden Sie die Schaltfläche."},
		Notices: map[Kind][2]string{
			Accepted:   {"Vielen Dank", "Ihre Zahlung wurde angenommen."},
			Checking:   {"Einen Moment", "Ihre Zahlung wird geprüft. Diese Seite sieht von selbst wieder nach."},
			Confirming: {"Einen Moment", "Ihre Angaben werden geprüft. Diese Seite sieht von selbst wieder nach."},
			Ended:      {"Es wurde nichts bezahlt", "Diese Zahlung wurde beendet."},
			Refused:    {"Die Zahlung ist nicht gelungen", "Es wurde nichts abgebucht. Sie können es im Shop noch einmal versuchen."},
			Open:       {"Ihre Zahlung ist noch offen", "Gehen Sie zum Shop zurück, um fortzufahren."},
			Unknown:    {"Hier ist nichts", "Der Link ist nicht oder nicht mehr gültig. Gehen Sie zum Shop zurück und beginnen Sie dort von vorn."},
			Unreadable: {"Diese Adresse ist nicht lesbar", "Gehen Sie zum Shop zurück; auf Ihre Zahlung hat das keine Auswirkung."},
			Busy:       {"Einen Moment", "Diese Seite sieht von selbst wieder nach."},
			NotNow:     {"Einen Moment", "Ihre Zahlung konnte gerade nicht nachgesehen werden. Diese Seite sieht von selbst wieder nach."},
		},
	},
	"fr": {
		Lang: "fr", Title: "Continuer vers le paiement", Later: "Votre moyen de paiement pour plus tard", Nothing: "Rien n’est débité maintenant.",
		Continue: "Continuer", Again: "Réessayer", Back: "Retour à la boutique",
		Missing: "Le bouton a besoin de JavaScript et ne s’est pas chargé. Votre navigateur le bloque peut-être.",
		Leading: [2]string{"Vous allez être dirigé vers la page de paiement", "Si rien ne se passe, utilisez le bouton."},
		Notices: map[Kind][2]string{
			Accepted:   {"Merci", "Votre paiement a été accepté."},
			Checking:   {"Un instant", "Votre paiement est en cours de vérification. Cette page s’actualise d’elle-même."},
			Confirming: {"Un instant", "Vérification en cours. Cette page s’actualise d’elle-même."},
			Ended:      {"Rien n’a été payé", "Ce paiement a été interrompu."},
			Refused:    {"Le paiement n’a pas abouti", "Rien n’a été débité. Vous pouvez réessayer dans la boutique."},
			Open:       {"Votre paiement est en attente", "Retournez à la boutique pour continuer."},
			Unknown:    {"Il n’y a rien ici", "Le lien n’est pas valable ou ne l’est plus. Retournez à la boutique et recommencez."},
			Unreadable: {"Cette adresse est illisible", "Retournez à la boutique ; votre paiement n’est pas concerné."},
			Busy:       {"Un instant", "Cette page s’actualise d’elle-même."},
			NotNow:     {"Un instant", "Votre paiement n’a pas pu être consulté. Cette page s’actualise d’elle-même."},
		},
	},
	"it": {
		Lang: "it", Title: "Continua con il pagamento", Later: "Il metodo di pagamento per le prossime volte", Nothing: "Ora non viene addebitato nulla.",
		Continue: "Continua", Again: "Riprova", Back: "Torna al negozio",
		Missing: "Il pulsante ha bisogno di JavaScript e non è stato caricato. Forse qualcosa nel browser lo blocca.",
		Leading: [2]string{"Stai per passare alla pagina di pagamento", "Se non accade nulla, usa il pulsante."},
		Notices: map[Kind][2]string{
			Accepted:   {"Grazie", "Il pagamento è stato accettato."},
			Checking:   {"Un attimo", "Il pagamento è in fase di verifica. Questa pagina si aggiorna da sola."},
			Confirming: {"Un attimo", "Verifica in corso. Questa pagina si aggiorna da sola."},
			Ended:      {"Non è stato pagato nulla", "Questo pagamento è stato interrotto."},
			Refused:    {"Il pagamento non è riuscito", "Non è stato addebitato nulla. Puoi riprovare nel negozio."},
			Open:       {"Il pagamento è ancora aperto", "Torna al negozio per proseguire."},
			Unknown:    {"Qui non c’è nulla", "Il link non è valido o non lo è più. Torna al negozio e ricomincia da lì."},
			Unreadable: {"Questo indirizzo non è leggibile", "Torna al negozio; il pagamento non ne risente."},
			Busy:       {"Un attimo", "Questa pagina si aggiorna da sola."},
			NotNow:     {"Un attimo", "Non siamo riusciti a consultare il pagamento. Questa pagina si aggiorna da sola."},
		},
	},
	"es": {
		Lang: "es", Title: "Continuar con el pago", Later: "Su método de pago para más adelante", Nothing: "Ahora no se cobra nada.",
		Continue: "Continuar", Again: "Intentarlo de nuevo", Back: "Volver a la tienda",
		Missing: "El botón necesita JavaScript y no se ha cargado. Es posible que algo en su navegador lo bloquee.",
		Leading: [2]string{"Va a pasar a la página de pago", "Si no ocurre nada, use el botón."},
		Notices: map[Kind][2]string{
			Accepted:   {"Gracias", "Su pago se ha aceptado."},
			Checking:   {"Un instante", "Su pago se está comprobando. Esta página se actualiza sola."},
			Confirming: {"Un instante", "Se está comprobando. Esta página se actualiza sola."},
			Ended:      {"No se ha pagado nada", "Este pago se ha terminado."},
			Refused:    {"El pago no se ha realizado", "No se ha cobrado nada. Puede intentarlo de nuevo en la tienda."},
			Open:       {"Su pago está pendiente", "Vuelva a la tienda para continuar."},
			Unknown:    {"Aquí no hay nada", "El enlace no es válido o ya no lo es. Vuelva a la tienda y empiece de nuevo."},
			Unreadable: {"Esta dirección no se puede leer", "Vuelva a la tienda; su pago no se ve afectado."},
			Busy:       {"Un instante", "Esta página se actualiza sola."},
			NotNow:     {"Un instante", "No se ha podido consultar su pago. Esta página se actualiza sola."},
		},
	},
	"ja": {
		Lang: "ja", Title: "お支払いに進む", Later: "次回以降のお支払い方法", Nothing: "今回は請求されません。",
		Continue: "続ける", Again: "もう一度試す", Back: "ショップに戻る",
		Missing: "ボタンには JavaScript が必要ですが、読み込めませんでした。ブラウザーによりブロックされている可能性があります。",
		Leading: [2]string{"お支払いページに移動します", "移動しない場合は、ボタンを押してください。"},
		Notices: map[Kind][2]string{
			Accepted:   {"ありがとうございます", "お支払いを受け付けました。"},
			Checking:   {"少々お待ちください", "お支払いを確認しています。このページは自動的に更新されます。"},
			Confirming: {"少々お待ちください", "確認しています。このページは自動的に更新されます。"},
			Ended:      {"お支払いは行われていません", "このお支払いは終了しました。"},
			Refused:    {"お支払いが完了しませんでした", "請求は行われていません。ショップでもう一度お試しください。"},
			Open:       {"お支払いが完了していません", "ショップに戻って続けてください。"},
			Unknown:    {"ページが見つかりません", "リンクが無効か、期限が切れています。ショップに戻ってやり直してください。"},
			Unreadable: {"アドレスを読み取れません", "ショップに戻ってください。お支払いに影響はありません。"},
			Busy:       {"少々お待ちください", "このページは自動的に更新されます。"},
			NotNow:     {"少々お待ちください", "お支払いを確認できませんでした。このページは自動的に更新されます。"},
		},
	},
}
