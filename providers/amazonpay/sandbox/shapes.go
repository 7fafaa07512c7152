package sandbox

// The bodies of requests. Lengths are those of the object pages; texts without one there are free.

var (
	freeText = shape{kind: text}
	reqText  = shape{kind: wholeText}
	yesNo    = shape{kind: flag}
	money    = shape{kind: amount}
	address1 = shape{kind: webURL}

	intents   = oneOf("Confirm Authorize AuthorizeWithCapture")
	kinds     = oneOf("OneTime Recurring PaymentMethodOnFile")
	scopeList = listOf(oneOf("name email phoneNumber billingAddress postalCode shippingAddress primeStatus"))

	postal = object1(fields{
		"name": upTo(50), "addressLine1": upTo(180), "addressLine2": upTo(60), "addressLine3": upTo(60), "city": upTo(50),
		"county": upTo(50), "district": upTo(50), "districtOrCounty": upTo(50), "stateOrRegion": upTo(50), "postalCode": upTo(20),
		"countryCode": upTo(3), "phoneNumber": upTo(20),
	})
	metadata = object1(fields{
		"merchantReferenceId": upTo(256), "merchantStoreName": upTo(50), "noteToBuyer": upTo(255), "customInformation": upTo(4096),
	})
	recurrence = object1(fields{
		"frequency": object1(fields{"unit": oneOf("Year Month Week Day Variable"), "value": reqText}).needs("unit", "value"),
		"amount":    money,
	})
	psp = object1(fields{"providerReferenceId": freeText})

	webURLs = object1(fields{"checkoutReviewReturnUrl": address1, "checkoutResultReturnUrl": address1, "checkoutCancelUrl": address1})

	payment = object1(fields{
		"paymentIntent": intents, "canHandlePendingAuthorization": yesNo, "chargeAmount": money, "totalOrderAmount": money,
		"softDescriptor": upTo(16), "allowOvercharge": yesNo, "estimateOrderTotal": money,
	})
	// What only the creation of a session takes.
	paymentAtCreation = payment.with(fields{"presentmentCurrency": upTo(3), "extendExpiration": yesNo})

	delivery = object1(fields{
		"specialRestrictions": listOf(oneOf("RestrictPOBoxes RestrictPackstations")),
		"addressRestrictions": object1(fields{
			"type": oneOf("Allowed NotAllowed"),
			"restrictions": {kind: table, each: &shape{kind: group, fields: fields{
				"statesOrRegions": listOf(freeText), "zipCodes": listOf(freeText)}}},
		}).needs("type", "restrictions"),
	})

	updateSession = object1(fields{
		"webCheckoutDetails": webURLs, "paymentDetails": payment, "merchantMetadata": metadata, "platformId": freeText,
		"providerMetadata": psp, "supplementaryData": freeText, "recurringMetadata": recurrence, "chargePermissionType": kinds,
		"multiAddressesCheckoutMetadata": listOf(object1(fields{"addressId": reqText, "price": money}).needs("addressId", "price")),
		"checkoutButtonText":             freeText,
	})
	createSession = updateSession.with(fields{
		"paymentDetails": paymentAtCreation, "storeId": reqText, "scopes": scopeList, "deliverySpecifications": delivery,
		"paymentMethodOnFileMetadata": object1(fields{"setupOnly": yesNo}), "addressDetails": postal, "chargePermissionId": freeText,
	})
	// What the button's payload takes besides: the pay-now mode, and sign-in with set-up.
	buttonPayload = createSession.with(fields{
		"webCheckoutDetails": webURLs.with(fields{
			"checkoutMode": oneOf(processOrder), "checkoutErrorUrl": address1,
			"signInReturnUrl": address1, "signInCancelUrl": address1, "signInErrorUrl": address1}),
		"signInScopes": scopeList,
	})
	signInPayload = object1(fields{
		"signInReturnUrl": address1, "signInCancelUrl": address1, "storeId": reqText, "signInScopes": scopeList,
	}).needs("signInReturnUrl", "storeId")

	completeSession = object1(fields{"chargeAmount": money, "totalOrderAmount": money})
	finalizeSession = object1(fields{
		"shippingAddress": postal, "billingAddress": postal, "chargeAmount": money, "totalOrderAmount": money,
		"paymentIntent": intents, "canHandlePendingAuthorization": yesNo, "supplementaryData": freeText,
	})

	updatePermission = object1(fields{"merchantMetadata": metadata, "recurringMetadata": recurrence})
	closePermission  = object1(fields{"closureReason": upTo(255), "cancelPendingCharges": yesNo})

	createCharge = object1(fields{
		"chargePermissionId": reqText, "chargeAmount": money, "captureNow": yesNo, "softDescriptor": upTo(16),
		"canHandlePendingAuthorization": yesNo, "merchantMetadata": metadata, "providerMetadata": psp, "platformId": freeText,
		"chargeInitiator":    oneOf("CITU MITU CITR MITR"),
		"channel":            oneOf("Web Phone App Alexa PointOfSale FireTv Offline Amazon"),
		"webCheckoutDetails": object1(fields{"checkoutResultReturnUrl": address1}),
	}).needs("chargePermissionId", "chargeAmount")
	captureCharge = object1(fields{"captureAmount": money, "softDescriptor": upTo(16)}).needs("captureAmount")
	cancelCharge  = object1(fields{"cancellationReason": upTo(255)}).needs("cancellationReason")

	createRefund = object1(fields{"chargeId": reqText, "refundAmount": money, "softDescriptor": upTo(16)}).needs("chargeId", "refundAmount")

	trackDelivery = object1(fields{
		"chargePermissionId": reqText, "amazonOrderReferenceId": reqText,
		"deliveryDetails": listOf(object1(fields{"trackingNumber": reqText, "carrierCode": reqText}).needs("trackingNumber", "carrierCode")),
	}).needs("deliveryDetails")

	noBody     = object1(fields{})
	unexamined = shape{kind: table, each: &shape{kind: anything}}
)
