"""LocalStack as a target: without Docker from PyPI, and in containers (docker-compose.yml)."""
