"""Signing in: a person by browser, a program by a token that it is given.

Terms: a *grant* is what the identity provider gave us for one API: an access token, perhaps one to
refresh it with. Grants are stored in the user's configuration folder, readable by that user alone;
no token is ever printed or put into an error.
"""
