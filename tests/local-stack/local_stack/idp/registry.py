"""What an identity provider has registered: collections of JSON objects with create, read, update and delete."""

import threading


class Refused(ValueError):
    """A registration that the provider's management API would refuse."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Collection:
    """Objects of one kind by their id. The field names are those of the Terraform provider, where there is one."""

    # What the management API calls one object of it, for messages.
    kind = "object"
    # What an attribute is when it is left out, or taken back with null.
    defaults: dict = {}

    def __init__(self) -> None:
        self._objects: dict[str, dict] = {}
        self._lock = threading.RLock()

    def complete(self, fields: dict) -> dict:
        """The new object with id and defaults; raises Refused."""
        raise NotImplementedError

    def check(self, changed: dict) -> None:
        """Raises Refused for an update that must not be."""

    def deleted(self, thing: dict) -> None:
        """Takes away what cannot be without `thing`."""

    def create(self, fields: dict) -> dict:
        with self._lock:
            # An attribute that was left out comes as null.
            thing = self.complete({name: value for name, value in fields.items() if value is not None})
            self._objects[thing["id"]] = thing
            return dict(thing)

    def read(self, identifier: str) -> dict:
        return dict(self._one(identifier))

    def update(self, identifier: str, changes: dict) -> dict:
        with self._lock:
            thing = self._one(identifier)
            changes = {n: self.defaults.get(n) if value is None else value for n, value in changes.items()}
            self.check(thing | changes)
            thing.update(changes)
            return dict(thing)

    def delete(self, identifier: str) -> None:
        with self._lock:
            self.deleted(self._one(identifier))
            del self._objects[identifier]

    def all(self) -> list[dict]:
        with self._lock:
            return list(self._objects.values())

    def find(self, **fields: object) -> dict | None:
        """The first object that has these values."""
        return next((one for one in self.all() if all(one.get(name) == value for name, value in fields.items())), None)

    def delete_where(self, **fields: object) -> None:
        while found := self.find(**fields):
            self.delete(found["id"])

    def _one(self, identifier: str) -> dict:
        try:
            return self._objects[identifier]
        except KeyError:
            raise Refused(404, f"there is no {self.kind} {identifier}") from None


def require(fields: dict, *names: str) -> None:
    missing = [name for name in names if fields.get(name) in (None, "")]
    if missing:
        raise Refused(400, f"missing: {', '.join(missing)}")
