"""How fast, and how politely, turns are taken: a corpus of labelled turns, callers that play it,
and a judge who only has what the phone heard."""
