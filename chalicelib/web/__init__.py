"""The page: static files that the API serves, for people who never saw an API."""
