package sandbox

// The bodies of requests. Lengths are those of the object pages; texts without one there are free.

var (
	freeText = shape{kind: text}
	reqText  = shape{kind: wholeText}
	yesNo    = shape{kind: flag}
	money    = shape{kind: amount}
	pageURL  = shape{kind: webURL}

	intents   = oneOf("Confirm Authorize AuthorizeWithCapture")
	kinds     = oneOf("OneTime Recurring PaymentMethodOnFile")
	scopeList = listOf(oneOf("name email phoneNumber billingAddress postalCode shippingAddress primeStatus"))

	postal = groupOf(fields{
		"name": upTo(50), "addressLine1": upTo(180), "addressLine2": upTo(60), "addressLine3": upTo(60), "city": upTo(50),
		"county": upTo(50), "district": upTo(50), "districtOrCounty": upTo(50), "stateOrRegion": upTo(50), "postalCode": upTo(20),
		"countryCode": upTo(3), "phoneNumber": upTo(20),
	})
	metadata = groupOf(fields{
		"merchantReferenceId": upTo(256), "merchantStoreName": upTo(50), "noteToBuyer": upTo(255), "customInformation": upTo(4096),
	})
	recurrence = groupOf(fields{
		"frequency": groupOf(fields{"unit": oneOf("Year Month Week Day Variable"), "value": reqText}).needs("unit", "value"),
		"amount":    money,
	})
	psp = groupOf(fields{"providerReferenceId": freeText})

	webURLs = groupOf(fields{"checkoutReviewReturnUrl": pageURL, "checkoutResultReturnUrl": pageURL, "checkoutCancelUrl": pageURL})

	payment = groupOf(fields{
		"paymentIntent": intents, "canHandlePendingAuthorization": yesNo, "chargeAmount": money, "totalOrderAmount": money,
		"softDescriptor": upTo(16), "allowOvercharge": yesNo, "estimateOrderTotal": money,
	})
	// What only the creation of a session takes.
	paymentAtCreation = payment.with(fields{"presentmentCurrency": upTo(3), "extendExpiration": yesNo})

	delivery = groupOf(fields{
		"specialRestrictions": listOf(oneOf("RestrictPOBoxes RestrictPackstations")),
		"addressRestrictions": groupOf(fields{
			"type": oneOf("Allowed NotAllowed"),
			"restrictions": {kind: table, each: &shape{kind: group, fields: fields{
				"statesOrRegions": listOf(freeText), "zipCodes": listOf(freeText)}}},
		}).needs("type", "restrictions"),
	})

	updateSession = groupOf(fields{
		"webCheckoutDetails": webURLs, "paymentDetails": payment, "merchantMetadata": metadata, "platformId": freeText,
		"providerMetadata": psp, "supplementaryData": freeText, "recurringMetadata": recurrence, "chargePermissionType": kinds,
		"multiAddressesCheckoutMetadata": listOf(groupOf(fields{"addressId": reqText, "price": money}).needs("addressId", "price")),
		"checkoutButtonText":             freeText,
	})
	createSession = updateSession.with(fields{
		"paymentDetails": paymentAtCreation, "storeId": reqText, "scopes": scopeList, "deliverySpecifications": delivery,
		"paymentMethodOnFileMetadata": groupOf(fields{"setupOnly": yesNo}), "addressDetails": postal, "chargePermissionId": freeText,
	})
	// What the button's payload takes besides: the pay-now mode, and sign-in with set-up.
	buttonPayload = createSession.with(fields{
		"webCheckoutDetails": webURLs.with(fields{
			"checkoutMode": oneOf(processOrder), "checkoutErrorUrl": pageURL,
			"signInReturnUrl": pageURL, "signInCancelUrl": pageURL, "signInErrorUrl": pageURL}),
		"signInScopes": scopeList,
	})
	signInPayload = groupOf(fields{
		"signInReturnUrl": pageURL, "signInCancelUrl": pageURL, "storeId": reqText, "signInScopes": scopeList,
	}).needs("signInReturnUrl", "storeId")

	completeSession = groupOf(fields{"chargeAmount": money, "totalOrderAmount": money})
	finalizeSession = groupOf(fields{
		"shippingAddress": postal, "billingAddress": postal, "chargeAmount": money, "totalOrderAmount": money,
		"paymentIntent": intents, "canHandlePendingAuthorization": yesNo, "supplementaryData": freeText,
	})

	updatePermission = groupOf(fields{"merchantMetadata": metadata, "recurringMetadata": recurrence})
	closePermission  = groupOf(fields{"closureReason": upTo(255), "cancelPendingCharges": yesNo})

	createCharge = groupOf(fields{
		"chargePermissionId": reqText, "chargeAmount": money, "captureNow": yesNo, "softDescriptor": upTo(16),
		"canHandlePendingAuthorization": yesNo, "merchantMetadata": metadata, "providerMetadata": psp, "platformId": freeText,
		"chargeInitiator":    oneOf("CITU MITU CITR MITR"),
		"channel":            oneOf("Web Phone App Alexa PointOfSale FireTv Offline Amazon"),
		"webCheckoutDetails": groupOf(fields{"checkoutResultReturnUrl": pageURL}),
	}).needs("chargePermissionId", "chargeAmount")
	captureCharge = groupOf(fields{"captureAmount": money, "softDescriptor": upTo(16)}).needs("captureAmount")
	cancelCharge  = groupOf(fields{"cancellationReason": upTo(255)}).needs("cancellationReason")

	createRefund = groupOf(fields{"chargeId": reqText, "refundAmount": money, "softDescriptor": upTo(16)}).needs("chargeId", "refundAmount")

	trackDelivery = groupOf(fields{
		"chargePermissionId": reqText, "amazonOrderReferenceId": reqText,
		"deliveryDetails": listOf(groupOf(fields{"trackingNumber": reqText, "carrierCode": reqText}).needs("trackingNumber", "carrierCode")),
	}).needs("deliveryDetails")

	noBody     = groupOf(fields{})
	unexamined = shape{kind: table, each: &shape{kind: anything}}
)
