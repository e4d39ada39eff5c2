"""Builds the audit trail's service, once per process, on first use."""

from functools import cache

from chalicelib.audit.service import AuditService
from chalicelib.audit.store import AuditStore
from chalicelib.core import aws
from chalicelib.core.audit.recording import AuditSettings
from chalicelib.core.instants import now
from chalicelib.core.settings import from_env
from chalicelib.core.table import Table


@cache
def audit() -> AuditService:
    """Return the service on the table that the settings name."""
    return AuditService(
        AuditStore(Table(aws.dynamodb(), from_env(AuditSettings).audit_table)), now=now
    )
