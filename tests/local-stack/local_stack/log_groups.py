"""Writes to CloudWatch log groups on behalf of the services that do so in AWS."""

import time
from collections.abc import Iterable

from moto.core import DEFAULT_ACCOUNT_ID
from moto.logs.models import logs_backends


def put_lines(region: str, group: str, stream: str, lines: Iterable[str]) -> None:
    """Lines for a group that is not there are lost, as in AWS."""
    backend = logs_backends[DEFAULT_ACCOUNT_ID][region]
    if group not in backend.groups:
        return
    backend.ensure_log_stream(group, stream)
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": line} for line in lines]
    if events:
        backend.put_log_events(group, stream, events)
