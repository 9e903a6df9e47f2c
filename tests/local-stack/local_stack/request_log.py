"""Every request that programs under test made, so that a test can say what reached AWS and what did not."""

import threading
import time
from collections import Counter

from .operation import Call


class RequestLog:
    def __init__(self) -> None:
        self._entries: list[dict] = []
        self._lock = threading.Lock()

    def add(self, call: Call, status: int) -> None:
        entry = {
            "time": time.time(),
            "api": call.api,
            "access_key": call.access_key,
            "status": status,
            "detail": call.detail,
        }
        with self._lock:
            self._entries.append(entry)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def snapshot(self) -> dict:
        with self._lock:
            entries = list(self._entries)
        return {"counts": dict(Counter(entry["api"] for entry in entries)), "requests": entries}
