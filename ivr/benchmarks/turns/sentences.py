"""What the corpus's callers say, all of it words of the bundled recognition model.

In sentences, "|" is a place between two phrases where speakers like to pause, "~" one within a
phrase where they search for a word.
"""

from __future__ import annotations

YES_NO = (
    "yes", "yes", "no", "no", "yes please", "no thanks", "no thank you", "yes that's right",
    "that's right", "that's wrong", "okay", "sure", "correct",
)  # fmt: skip

OPTIONS = (
    "balance", "payment", "statement", "loan", "address", "limit", "insurance", "refund",
    "balance please", "a loan please", "my address", "a refund please",
)  # fmt: skip

PHRASES = (
    "what is my balance",
    "what's my balance",
    "check my balance",
    "balance please",
    "i want to ~ check my balance",
    "i would like to ~ know my balance",
    "i want to ~ transfer money",
    "transfer money",
    "i want to ~ make a transfer",
    "send money",
    "i need to ~ send money",
    "block my card",
    "please block my card",
    "i want to ~ block my card",
    "i lost my card",
    "i have lost my card",
    "my card was stolen",
    "my card is lost",
)

OPEN = (
    "i want to ~ transfer {amount} | to ~ {person} | from my ~ {account} account",
    "transfer {amount} | from my {account} account | to {person}",
    "send {amount} | to {person} | on ~ {day}",
    "please send {amount} | to my friend {person} | by {day}",
    "i would like to ~ send {amount} to {person} | from my ~ {account} account | on {day}",
    "can you send {amount} | to ~ {person} | from my {account} account",
    "i need to pay {person} | {amount} | from ~ my {account} account",
    "please block my ~ {card} card | it was ~ stolen {when}",
    "i lost my {card} card {when} | and i need ~ a new one",
    "my {card} card was stolen {when} | please ~ block it",
    "what is the balance | of my {account} account",
    "i would like to know | the balance ~ of my {account} account",
    "i want to ~ know the balance of my {account} account | and ~ my {card} card",
    "transfer {amount} to {person} | and then ~ {amount} to {person}",
)

WORDS = {
    "amount": (
        "fifty rupees", "two hundred rupees", "five hundred dollars", "a hundred rupees",
        "two hundred and fifty rupees", "twenty five dollars", "one thousand rupees",
        "three thousand five hundred rupees", "sixty dollars",
    ),
    "person": ("priya", "raj", "anna", "maria", "sunil", "david"),
    "account": ("savings", "current", "business"),
    "card": ("debit", "credit"),
    "day": ("monday", "tuesday", "friday", "the first of april", "saturday morning"),
    "when": ("yesterday", "today", "on friday", "this morning"),
}  # fmt: skip

INTERRUPTIONS = (
    "balance", "payment", "statement", "loan", "address", "insurance", "refund",
    "balance please", "i want a loan", "the balance please", "stop", "wait", "no no",
    "what is my balance", "i need a refund", "a new address",
)  # fmt: skip

BACKCHANNELS = (
    ("en", "okay"), ("en", "ok"), ("en", "right"), ("en", "yeah"), ("en", "uh huh"),
    ("hi", "हाँ"), ("hi", "अच्छा"), ("hi", "जी"),
)  # fmt: skip

HESITATIONS = ("um", "uh", "er")

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
