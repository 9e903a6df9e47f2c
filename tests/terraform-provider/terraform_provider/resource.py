"""What all resources share: a Terraform state on one side, an object of the local stack on the other."""

import re
from typing import TYPE_CHECKING

from tf.iface import Config, CreateContext, DeleteContext, ReadContext, Resource, State, UpdateContext
from tf.schema import Schema
from tf.types import Unknown
from tf.utils import Diagnostics

from .local_stack import LocalStack, StackError
from .schema import TEXT, computed

if TYPE_CHECKING:
    from .provider import StackProvider

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class StackResource(Resource):
    """One resource type: a table of attributes, and the collection that holds its objects under the same names."""

    name: str
    collection: str
    attributes: list = []
    blocks: list = []
    # Attribute -> the values that it may have.
    choices: dict[str, tuple] = {}
    # Attributes that must be GUIDs.
    uuids: tuple = ()
    # Answered once, at creation, and kept in the state from then on.
    write_once: tuple = ()

    def __init__(self, provider: "StackProvider") -> None:
        self._provider = provider

    @property
    def stack(self) -> LocalStack:
        return self._provider.stack

    @classmethod
    def get_name(cls) -> str:
        return cls.name

    @classmethod
    def get_schema(cls) -> Schema:
        return Schema(attributes=[computed("id", TEXT), *cls.attributes], block_types=cls.blocks, version=0)

    def validate(self, diags: Diagnostics, type_name: str, config: Config) -> None:
        super().validate(diags, type_name, config)
        for name, allowed in self.choices.items():
            value = config.get(name)
            if value not in (None, Unknown) and value not in allowed:
                diags.add_error(f"expected {name} to be one of {list(allowed)}, got {value}", path=[name])
        for name in self.uuids:
            value = config.get(name)
            if value not in (None, Unknown) and not UUID.fullmatch(value):
                diags.add_error(f"{name}: value must be a valid UUID, got {value!r}", path=[name])

    def object_id(self, state: State) -> str:
        """The id of the object in its collection."""
        return state["id"]

    def state_id(self, thing: dict) -> str:
        """The id that Terraform keeps."""
        return thing["id"]

    def body(self, planned: State) -> dict:
        return {name: value for name, value in planned.items() if name != "id" and value is not Unknown}

    def changes(self, planned: State) -> dict:
        """What an update sends: everything that a user may set."""
        settable = {one.name for one in self.attributes if not (one.computed and not one.optional)}
        settable |= {block.type_name for block in self.blocks}
        return {name: value for name, value in self.body(planned).items() if name in settable}

    def create(self, ctx: CreateContext, planned: State) -> State | None:
        return self._attempt(ctx, None, lambda: self.state(self.create_object(planned), planned))

    def read(self, ctx: ReadContext, current: State) -> State | None:
        def read() -> State | None:
            thing = self.stack.read(self.collection, self.object_id(current))
            return None if thing is None else self.state(thing, current)

        return self._attempt(ctx, current, read)

    def update(self, ctx: UpdateContext, current: State, planned: State) -> State | None:
        def update() -> State:
            thing = self.stack.update(self.collection, self.object_id(current), self.changes(planned))
            return self.state(thing, planned)

        return self._attempt(ctx, current, update)

    def delete(self, ctx: DeleteContext, current: State) -> State | None:
        # After a refusal the object is still there, and so must be its state.
        return self._attempt(ctx, current, lambda: self.stack.delete(self.collection, self.object_id(current)))

    def create_object(self, planned: State) -> dict:
        return self.stack.create(self.collection, self.body(planned))

    def state(self, thing: dict, before: State) -> State:
        """The object as Terraform sees it; `before` is what was planned or last read."""
        state: State = {"id": self.state_id(thing)}
        for attribute in self.attributes:
            value = thing.get(attribute.name)
            known = before.get(attribute.name)
            if attribute.name in self.write_once and known is not Unknown:
                value = known
            # What was never set is absent to Terraform, whatever the other side calls that.
            elif known is None and not attribute.computed and not value:
                value = None
            state[attribute.name] = value
        for block in self.blocks:
            state[block.type_name] = thing.get(block.type_name) or []
        return state

    def _attempt(self, ctx: object, otherwise: State | None, action: object) -> State | None:
        try:
            return action()
        except StackError as error:
            ctx.diagnostics.add_error(f"{ctx.type_name}: the local stack refused", str(error))
            return otherwise
