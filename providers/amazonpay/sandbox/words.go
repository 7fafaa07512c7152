package sandbox

// words are the texts of the hosted pages in English, German and Japanese. Buyers of other languages read English.
var words = map[string][3]string{
	"sandbox":  {"Test environment: no real card, no real money", "Testumgebung: keine echten Karten, kein echtes Geld", "テスト環境です。実際のカードもお金も使われません"},
	"title":    {"Amazon Pay simulator", "Amazon-Pay-Simulator", "Amazon Pay シミュレーター"},
	"footer":   {"A simulator of Amazon Pay for tests. Not Amazon.", "Ein Simulator von Amazon Pay für Tests. Nicht Amazon.", "Amazon Payのテスト用シミュレーターです。Amazonではありません。"},
	"leave":    {"Cancel and return to", "Abbrechen und zurück zu", "キャンセルして戻る："},
	"back":     {"Back", "Zurück", "戻る"},
	"change":   {"Change", "Ändern", "変更"},
	"continue": {"Continue to checkout", "Weiter zur Kasse", "購入手続きに進む"},

	"sign_in":    {"Sign in", "Anmelden", "ログイン"},
	"sign_in_is": {"Choose a test buyer. Nobody has a password here.", "Wählen Sie eine Testperson. Passwörter gibt es hier nicht.", "テスト用の購入者を選んでください。パスワードは不要です。"},
	"signed_in":  {"Signed in as", "Angemeldet als", "ログイン中："},
	"not_you":    {"Switch account", "Konto wechseln", "アカウントを切り替える"},
	"who":        {"Choose one of the test buyers.", "Wählen Sie eine der Testpersonen.", "テスト用の購入者を選んでください。"},

	"review":     {"Check your details", "Angaben prüfen", "お届け先とお支払い方法"},
	"review_pay": {"Check your payment method", "Zahlungsart prüfen", "お支払い方法"},
	"ship_to":    {"Shipping address", "Lieferadresse", "お届け先住所"},
	"pay_with":   {"Payment method", "Zahlungsart", "お支払い方法"},
	"estimate":   {"Estimated total", "Voraussichtliche Summe", "ご請求予定額"},
	"later":      {"You review the order at the shop before you pay.", "Vor der Zahlung prüfen Sie die Bestellung im Shop.", "お支払いの前に、販売事業者のサイトで注文内容をご確認いただけます。"},

	"address":       {"Choose a shipping address", "Lieferadresse wählen", "お届け先住所を選択"},
	"use_address":   {"Use this address", "Diese Adresse verwenden", "この住所を使う"},
	"instrument":    {"Choose a payment method", "Zahlungsart wählen", "お支払い方法を選択"},
	"use_card":      {"Use this payment method", "Diese Zahlungsart verwenden", "このお支払い方法を使う"},
	"no_address":    {"Choose one of the addresses that can be chosen.", "Wählen Sie eine der wählbaren Adressen.", "選択可能な住所を選んでください。"},
	"no_card":       {"Choose one of the payment methods that can be chosen.", "Wählen Sie eine der wählbaren Zahlungsarten.", "選択可能なお支払い方法を選んでください。"},
	"none_fits":     {"The shop does not deliver to this address. Choose another.", "Der Shop liefert nicht an diese Adresse. Wählen Sie eine andere.", "この住所にはお届けできません。別の住所を選んでください。"},
	"no_delivery":   {"The shop does not deliver to this address", "Der Shop liefert nicht an diese Adresse", "この住所にはお届けできません"},
	"of_total":      {"of an order of", "einer Bestellung über", "ご注文総額"},
	"needs_pending": {"Only where the shop allows the authorization to be pending", "Nur wenn der Shop eine schwebende Autorisierung zulässt", "オーソリの保留を許可している場合のみ"},
	"needs_scheme":  {"Not in this currency", "Nicht in dieser Währung", "この通貨では利用できません"},

	"consent":         {"Continue with your Amazon account", "Mit Ihrem Amazon-Konto fortfahren", "Amazonアカウントで続行"},
	"consent_is":      {"The shop receives your details and uses your defaults:", "Der Shop erhält Ihre Angaben und verwendet Ihre Voreinstellungen:", "販売事業者に次の情報が共有され、既定の設定が使われます："},
	"shares":          {"The shop receives", "Der Shop erhält", "販売事業者に共有される情報"},
	"name":            {"Your name", "Ihren Namen", "お名前"},
	"email":           {"Your e-mail address", "Ihre E-Mail-Adresse", "メールアドレス"},
	"phoneNumber":     {"Your telephone number", "Ihre Telefonnummer", "電話番号"},
	"billingAddress":  {"Your billing address", "Ihre Rechnungsadresse", "請求先住所"},
	"postalCode":      {"Your postal code and country", "Ihre Postleitzahl und Ihr Land", "郵便番号と国"},
	"shippingAddress": {"Your shipping address", "Ihre Lieferadresse", "お届け先住所"},
	"primeStatus":     {"Whether you have Prime", "Ob Sie Prime haben", "Prime会員かどうか"},
	"sign_in_shop":    {"Sign in to", "Anmelden bei", "ログイン先："},
	"agree":           {"Agree and continue", "Zustimmen und weiter", "同意して続ける"},

	"recurring":     {"Recurring", "Wiederkehrend", "定期購入"},
	"recurring_is":  {"Payment will be processed", "Die Zahlung wird ausgeführt", "お支払い："},
	"recurring_var": {"Payment will be processed from time to time, as the shop tells you.", "Die Zahlung wird von Zeit zu Zeit ausgeführt, wie der Shop es ankündigt.", "お支払いは不定期に行われます。"},
	"each_time":     {"each time", "jedes Mal", "毎回"},

	"save":        {"Save for future purchases", "Für künftige Einkäufe speichern", "今後のお買い物のために保存"},
	"save_is":     {"The shop may charge this payment method later, also without you being there. You can end this at any time in your Amazon account.", "Der Shop darf diese Zahlungsart später belasten, auch ohne Sie. Sie können das jederzeit in Ihrem Amazon-Konto beenden.", "販売事業者は、今後お客様の操作なしにこのお支払い方法へ請求できます。Amazonアカウントからいつでも解除できます。"},
	"save_yes":    {"Agree, save and continue", "Zustimmen, speichern und weiter", "同意して保存し、続ける"},
	"save_no":     {"Continue without saving", "Ohne Speichern fortfahren", "保存せずに続ける"},
	"save_never":  {"Do not save", "Nicht speichern", "保存しない"},
	"update":      {"Update your saved payment method", "Gespeicherte Zahlungsart ändern", "保存済みのお支払い方法を更新"},
	"update_is":   {"The shop charges the one you choose from now on. The agreement stays the same.", "Der Shop belastet ab jetzt die gewählte Zahlungsart. Die Vereinbarung bleibt dieselbe.", "今後は選択したお支払い方法に請求されます。契約はそのままです。"},
	"other_buyer": {"This saved payment belongs to another Amazon account.", "Diese gespeicherte Zahlung gehört zu einem anderen Amazon-Konto.", "この保存済みのお支払いは別のAmazonアカウントのものです。"},

	"pay_now":    {"Review and pay", "Prüfen und bezahlen", "ご注文内容の確認"},
	"pay_button": {"Pay now", "Jetzt bezahlen", "今すぐ支払う"},
	"given":      {"As you entered it at the shop", "Wie im Shop eingegeben", "販売事業者のサイトで入力された住所"},

	"processing":    {"Your payment is being processed", "Ihre Zahlung wird bearbeitet", "お支払いを処理しています"},
	"processing_is": {"Please stay on this page. You will be taken back to the shop.", "Bitte bleiben Sie auf dieser Seite. Sie werden zum Shop zurückgeleitet.", "このままお待ちください。販売事業者のサイトに戻ります。"},
	"go_on":         {"Go on", "Weiter", "続ける"},
	"challenge":     {"Confirm that it is you", "Bestätigen Sie, dass Sie es sind", "ご本人確認"},
	"challenge_is":  {"Your bank asks for a second proof. This page stands in for your bank; choose what it should answer.", "Ihre Bank verlangt einen zweiten Nachweis. Diese Seite steht für Ihre Bank; wählen Sie deren Antwort.", "カード発行会社による追加認証です。このページはその代わりです。結果を選んでください。"},
	"pass":          {"Confirm", "Bestätigen", "認証する"},
	"fail":          {"Fail the check", "Prüfung scheitern lassen", "認証に失敗する"},
	"declined":      {"This payment method was declined", "Diese Zahlungsart wurde abgelehnt", "このお支払い方法は承認されませんでした"},
	"declined_is":   {"Choose another one, or go back to the shop without paying.", "Wählen Sie eine andere oder kehren Sie ohne Zahlung zum Shop zurück.", "別のお支払い方法を選ぶか、支払わずに販売事業者のサイトに戻ってください。"},
	"failed_check":  {"The check failed.", "Die Prüfung ist gescheitert.", "認証に失敗しました。"},
	"give_up":       {"Give up and return to", "Aufgeben und zurück zu", "中止して戻る："},

	"upgrade":    {"Make this purchase recurring?", "Diesen Kauf regelmäßig wiederholen?", "定期購入に変更しますか？"},
	"upgrade_no": {"Buy once only", "Nur einmal kaufen", "今回のみ購入する"},

	"over":      {"This checkout is over", "Dieser Bezahlvorgang ist beendet", "このお手続きは終了しています"},
	"over_is":   {"Nothing more can be done here. Go back to the shop to see what became of your order.", "Hier ist nichts mehr zu tun. Im Shop sehen Sie, was aus Ihrer Bestellung wurde.", "この画面での操作は終了しました。注文の状況は販売事業者のサイトでご確認ください。"},
	"return":    {"Return to", "Zurück zu", "戻る："},
	"error":     {"This page cannot be shown", "Diese Seite kann nicht angezeigt werden", "このページは表示できません"},
	"error_is":  {"The shop sent something that cannot be used. Its developer reads below what it was.", "Der Shop hat etwas gesendet, das nicht verwendet werden kann. Für die Entwicklung steht unten, was es war.", "販売事業者から送信された内容を処理できませんでした。開発者向けの情報は次のとおりです。"},
	"test_card": {"Test card: ", "Testkarte: ", "テストカード："},
}

// verdictWords say what a test card does, in the languages of words.
var verdictWords = map[verdict][3]string{
	approved:        {"succeeds", "gelingt", "成功"},
	buyerCanceled:   {"buyer cancels: session Canceled, BuyerCanceled", "Abbruch durch den Käufer: Canceled, BuyerCanceled", "購入者によるキャンセル（BuyerCanceled）"},
	declined:        {"declined for good: session Canceled, Declined", "endgültig abgelehnt: Canceled, Declined", "最終的に拒否（Declined）"},
	pendingApproved: {"authorization pending, after 30 seconds Authorized", "Autorisierung schwebt, nach 30 Sekunden Authorized", "オーソリ保留、30秒後にAuthorized"},
	pendingDeclined: {"authorization pending, after 30 seconds Declined", "Autorisierung schwebt, nach 30 Sekunden Declined", "オーソリ保留、30秒後にDeclined"},
	challenged:      {"asks for a second proof, then succeeds", "verlangt einen zweiten Nachweis, gelingt dann", "追加認証のうえ成功"},
	declinedOnce:    {"declined while processing; another can be chosen", "bei der Bearbeitung abgelehnt; eine andere ist wählbar", "処理中に拒否、別の方法を選択可能"},
}

// frequencyWords say how often, for one and for several of recurringMetadata.frequency's units; # is the number.
var frequencyWords = map[string][3][2]string{
	"Day":   {{"every # day", "every # days"}, {"jeden Tag", "alle # Tage"}, {"#日ごと", "#日ごと"}},
	"Week":  {{"every # week", "every # weeks"}, {"jede Woche", "alle # Wochen"}, {"#週間ごと", "#週間ごと"}},
	"Month": {{"every # month", "every # months"}, {"jeden Monat", "alle # Monate"}, {"#か月ごと", "#か月ごと"}},
	"Year":  {{"every # year", "every # years"}, {"jedes Jahr", "alle # Jahre"}, {"#年ごと", "#年ごと"}},
}
