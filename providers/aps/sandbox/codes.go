package sandbox

// The first two digits of a response code: what was asked for, and whether it was done.
// Source: APS documentation, "Status codes".
const (
	statusInvalid         = "00"
	statusStored          = "01"
	statusAuthorized      = "02"
	statusNotAuthorized   = "03"
	statusCaptured        = "04"
	statusNotCaptured     = "05"
	statusRefunded        = "06"
	statusNotRefunded     = "07"
	statusVoided          = "08"
	statusNotVoided       = "09"
	statusIncomplete      = "10"
	statusNotChecked      = "11"
	statusChecked         = "12"
	statusNotPurchased    = "13"
	statusPurchased       = "14"
	statusUncertain       = "15"
	statusPending         = "19"
	statusInReview        = "40"
	statusTokenUpdated    = "58"
	statusTokenNotUpdated = "59"
)

// The last three digits: why. Source: APS documentation, "Message codes".
const (
	msgSuccess           = "000"
	msgMissing           = "001"
	msgFormat            = "002"
	msgOptionUnavailable = "003"
	msgCommand           = "004"
	msgAmount            = "005"
	msgTechnical         = "006"
	msgSignature         = "008"
	msgMerchant          = "009"
	msgAccessCode        = "010"
	msgCardExpired       = "012"
	msgCurrency          = "013"
	msgOptionInactive    = "014"
	msgExtra             = "027"
	msgFunds             = "029"
	msgAuthentication    = "030"
	msgLength            = "032"
	msgValue             = "033"
	msgOperation         = "034"
	msgOrderUnknown      = "036"
	msgReturnURL         = "037"
	msgTokenService      = "038"
	msgSource            = "040"
	msgAboveAuthorized   = "042"
	msgTokenUnknown      = "044"
	msgChannel           = "046"
	msgProcessed         = "047"
	msgAboveCaptured     = "048"
	msgNotForOption      = "049"
	msgReferenceExists   = "066"
	msgCancelled         = "072"
	msgRequestFormat     = "073"
	msgOption            = "080"
	msgReview            = "090"
	msgTokenExists       = "114"
	msgTooManyTries      = "123"
	msgNotConfirmed      = "662"
	msgDeclined          = "666"
	msgUnconfirmed       = "777"
	msgSessionOver       = "778"
	msgInstallments      = "783"
	msgStillProcessing   = "784"
	msgFraud             = "785"
)

// messages are the response_message texts by message code, in English and Arabic.
var messages = map[string][2]string{
	msgSuccess:           {"Success", "عملية ناجحة"},
	msgMissing:           {"Missing parameter", "حقل مطلوب غير موجود"},
	msgFormat:            {"Invalid parameter format", "صيغة الحقل غير صحيحة"},
	msgOptionUnavailable: {"Payment option is not available for this merchant's account", "وسيلة الدفع غير متاحة لهذا التاجر"},
	msgCommand:           {"Invalid command", "أمر غير صحيح"},
	msgAmount:            {"Invalid amount", "المبلغ غير صحيح"},
	msgTechnical:         {"Technical problem", "مشكلة فنية"},
	msgSignature:         {"Signature mismatch", "التوقيع غير مطابق"},
	msgMerchant:          {"Invalid merchant identifier", "معرف التاجر غير صحيح"},
	msgAccessCode:        {"Invalid access code", "رمز الدخول غير صحيح"},
	msgCardExpired:       {"Card expired", "البطاقة منتهية الصلاحية"},
	msgCurrency:          {"Invalid currency", "العملة غير صحيحة"},
	msgOptionInactive:    {"Inactive payment option", "وسيلة الدفع غير مفعلة"},
	msgExtra:             {"Invalid extra parameters", "حقول إضافية غير صحيحة"},
	msgFunds:             {"Insufficient funds", "الرصيد غير كاف"},
	msgAuthentication:    {"Authentication failed", "فشل التحقق من الهوية"},
	msgLength:            {"Invalid parameter length", "طول الحقل غير صحيح"},
	msgValue:             {"Parameter value not allowed", "قيمة الحقل غير مسموح بها"},
	msgOperation:         {"Operation is not allowed", "العملية غير مسموح بها"},
	msgOrderUnknown:      {"Order not found", "الطلب غير موجود"},
	msgReturnURL:         {"Missing return URL", "رابط العودة غير موجود"},
	msgTokenService:      {"Token service inactive", "خدمة حفظ البطاقة غير مفعلة"},
	msgSource:            {"Invalid transaction source", "مصدر العملية غير صحيح"},
	msgAboveAuthorized:   {"Operation amount exceeds the authorized amount", "مبلغ العملية أكبر من المبلغ المحجوز"},
	msgTokenUnknown:      {"Token name does not exist", "اسم البطاقة المحفوظة غير موجود"},
	msgChannel:           {"Channel is not configured for the selected payment option", "القناة غير مهيأة لوسيلة الدفع المختارة"},
	msgProcessed:         {"Order already processed", "تمت معالجة الطلب مسبقا"},
	msgAboveCaptured:     {"Operation amount exceeds captured amount", "مبلغ العملية أكبر من المبلغ المحصل"},
	msgNotForOption:      {"Operation not valid for this payment option", "العملية غير متاحة لوسيلة الدفع هذه"},
	msgReferenceExists:   {"Merchant reference already exists", "مرجع التاجر موجود مسبقا"},
	msgCancelled:         {"Transaction has been cancelled by the consumer", "ألغى العميل العملية"},
	msgRequestFormat:     {"Invalid request format", "صيغة الطلب غير صحيحة"},
	msgOption:            {"Invalid payment option", "وسيلة الدفع غير صحيحة"},
	msgReview:            {"Transaction in review", "العملية قيد المراجعة"},
	msgTokenExists:       {"Token already exists", "اسم البطاقة المحفوظة موجود مسبقا"},
	msgTooManyTries:      {"Too many attempts", "عدد المحاولات كبير جدا"},
	msgNotConfirmed:      {"The order has not been confirmed yet", "لم يتم تأكيد الطلب بعد"},
	msgDeclined:          {"Transaction declined", "تم رفض العملية"},
	msgUnconfirmed:       {"The transaction has been processed, but failed to receive confirmation", "تمت معالجة العملية ولم يصل تأكيدها"},
	msgSessionOver:       {"Session timed out", "انتهت مهلة الجلسة"},
	msgInstallments:      {"Installments service is inactive", "خدمة التقسيط غير مفعلة"},
	msgStillProcessing:   {"The transaction is still being processed", "العملية ما زالت قيد المعالجة"},
	msgFraud:             {"Transaction blocked by fraud check", "تم إيقاف العملية من قبل فحص الاحتيال"},
}

// messageText is the text of a response code in a language; anything but ar is English.
func messageText(code, language string) string {
	texts := messages[code[2:]]
	if language == "ar" {
		return texts[1]
	}
	return texts[0]
}

// refusal is a request that is not carried out. The detail is for the log only: the wire does not tell it.
type refusal struct {
	code   string
	detail string
}

func refuse(message, detail string) *refusal {
	return &refusal{code: statusInvalid + message, detail: detail}
}
