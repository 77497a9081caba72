"""The sentences that every dialogue needs and no author wants to write again, by language.

A flow that defines a template of the same name replaces the sentence.
"""

from __future__ import annotations

from collections.abc import Mapping

SERVICE_VARIABLES: Mapping[str, frozenset[str]] = {
    "wrong_length": frozenset({"needed"}),
    "keys_digits": frozenset({"needed"}),
    "keys_some_digits": frozenset({"least", "most"}),
}
"""Variables of the service prompts that have any."""

_EN = {
    "not_heard": "I did not get what you said.",
    "not_understood": "I did not understand that.",
    "wrong_length": "I need {{ needed | number }} digits.",
    "still_not_understood": "I still did not understand. You can use the keys of your phone.",
    "not_a_choice": "That is not one of the options.",
    "out_of_scope": "I can not help with that.",
    "greeted": "Hello.",
    "thanked": "No problem.",
    "help": "You can say repeat, go back, cancel or start over at any time. "
    "For an agent, say agent or press zero.",
    "help_by_keys": "To repeat this press star. For an agent press zero.",
    "keys_only": "I can not understand you here when you speak. Please use the keys of your phone.",
    "keys_digits": "Please enter the {{ needed | number }} digits on your phone.",
    "keys_some_digits": "Please enter the digits on your phone, then press hash.",
    "keys_amount": "Please enter the amount on your phone, then press hash.",
    "keys_date": "Please enter two digits for the day and two for the month, then press hash.",
    "keys_yes_no": "For yes press one, for no press two.",
    "keys_cards": "For a debit card press one, for a credit card press two.",
    "still_there": "Are you still there?",
    "silent_goodbye": "I have not heard you, so I will end this call. Goodbye.",
    "goodbye": "Thank you for your call. Goodbye.",
    "all_right": "All right.",
    "no_way_back": "We are at the start.",
    "resumed": "We lost you for a moment, but I am here again.",
    "trouble": "Something went wrong here, and it is not your mistake.",
    "nobody_free": "No agent can take your call now.",
    "no_agent": "I am not able to help you today. Please call again after some time. Goodbye.",
}
_HI = {
    "not_heard": "मुझे आपकी आवाज़ सुनाई नहीं दी।",
    "not_understood": "मैं यह समझ नहीं पाई।",
    "wrong_length": "मुझे {{ needed | number }} अंक चाहिए।",
    "still_not_understood": "मैं अब भी समझ नहीं पाई। आप फ़ोन के बटन दबा सकते हैं।",
    "not_a_choice": "यह विकल्प उपलब्ध नहीं है।",
    "out_of_scope": "इसमें मैं आपकी मदद नहीं कर सकती।",
    "greeted": "नमस्ते।",
    "thanked": "आपका स्वागत है।",
    "help": "आप कभी भी कह सकते हैं, दोहराओ, पीछे जाओ, रद्द करो या फिर से शुरू करो। "
    "एजेंट से बात करने के लिए एजेंट कहिए या शून्य दबाइए।",
    "help_by_keys": "फिर से सुनने के लिए स्टार दबाइए। एजेंट से बात करने के लिए शून्य दबाइए।",
    "keys_only": "मैं अभी हिन्दी बोली नहीं समझ सकती। कृपया फ़ोन के बटन दबाकर उत्तर दीजिए।",
    "keys_digits": "कृपया फ़ोन पर {{ needed | number }} अंक दबाइए।",
    "keys_some_digits": "कृपया फ़ोन पर अंक दबाइए, फिर हैश दबाइए।",
    "keys_amount": "कृपया फ़ोन पर रकम दबाइए, फिर हैश दबाइए।",
    "keys_date": "कृपया दिन और महीना दो दो अंकों में दबाइए, फिर हैश दबाइए।",
    "keys_yes_no": "हाँ के लिए एक दबाइए, नहीं के लिए दो दबाइए।",
    "keys_cards": "डेबिट कार्ड के लिए एक दबाइए, क्रेडिट कार्ड के लिए दो दबाइए।",
    "still_there": "क्या आप अब भी लाइन पर हैं?",
    "silent_goodbye": "मुझे आपकी आवाज़ नहीं आ रही है, इसलिए मैं कॉल समाप्त करती हूँ। नमस्ते।",
    "goodbye": "कॉल करने के लिए धन्यवाद। नमस्ते।",
    "all_right": "ठीक है।",
    "no_way_back": "हम शुरुआत में ही हैं।",
    "resumed": "एक पल के लिए संपर्क टूट गया था, अब मैं फिर से यहाँ हूँ।",
    "trouble": "हमारी ओर से कुछ गड़बड़ हो गई है, इसमें आपकी कोई गलती नहीं है।",
    "nobody_free": "इस समय कोई एजेंट आपकी कॉल नहीं ले सकता।",
    "no_agent": "माफ़ कीजिए, आज मैं आपकी मदद नहीं कर सकी। कृपया बाद में फिर कॉल कीजिए। नमस्ते।",
}
SERVICE_PROMPTS: Mapping[str, Mapping[str, str]] = {"en": _EN, "hi": _HI}
"""Language, then name, to template source. Every language has the same names."""
SERVICE_NAMES = frozenset(_EN)
