"""The requests and answers of the operators' routes."""
