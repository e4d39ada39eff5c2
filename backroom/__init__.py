"""The `backroom` command: a typed client of the API, and the rules on local files without it.

Terms: an *answer* is the API's response, parsed and verbatim; a *screen* is what a person
reads of it; `--json` prints the words and nothing else. Whatever goes wrong is a `ClientError`
that says what to do next.
"""

DEFAULT_URL = "http://localhost:8000"
