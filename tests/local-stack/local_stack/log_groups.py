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
    put_events(region, group, stream, [(int(time.time() * 1000), line) for line in lines])


def put_events(region: str, group: str, stream: str, events: Iterable[tuple[int, str]]) -> None:
    """Each line with the time (in milliseconds) at which it was written."""
    backend = logs_backends[DEFAULT_ACCOUNT_ID][region]
    backend.ensure_log_group(group)
    backend.ensure_log_stream(group, stream)
    known = [{"timestamp": written, "message": line} for written, line in events]
    if known:
        backend.put_log_events(group, stream, known)
