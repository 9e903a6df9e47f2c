"""The wall clock of this process, which a test may move. libfaketime shows some threads the real time at each move."""

import time

import time_machine


class Clock:
    """Moved in one step for all threads; `time.monotonic` goes on as it does."""

    def __init__(self) -> None:
        self._coordinates = None
        self._offset = 0.0

    def move_to(self, offset_seconds: float) -> None:
        if self._coordinates is None:
            self._coordinates = time_machine.travel(time.time(), tick=True).start()
        self._coordinates.shift(offset_seconds - self._offset)
        self._offset = offset_seconds
