"""Short words for schemas: attributes and blocks as the real providers' documentation lists them."""

from tf.blocks import SetNestedBlock
from tf.gen import tfplugin_pb2 as protocol
from tf.schema import Attribute, Block
from tf.types import Bool, List, Map, Number, Set, String, Unknown

TEXT, NUMBER, FLAG = String(), Number(), Bool()
TEXTS, TEXT_SET, TEXT_MAP, MAPS = List(TEXT), Set(TEXT), Map(TEXT), List(Map(TEXT))


def required(name: str, kind: object = TEXT, **more: object) -> Attribute:
    return Attribute(name, kind, required=True, **more)


def optional(name: str, kind: object = TEXT, **more: object) -> Attribute:
    return Attribute(name, kind, optional=True, **more)


def optional_computed(name: str, kind: object = TEXT, default: object = Unknown, **more: object) -> Attribute:
    return Attribute(name, kind, optional=True, computed=True, default=default, **more)


def computed(name: str, kind: object = TEXT, **more: object) -> Attribute:
    return Attribute(name, kind, computed=True, **more)


class SetBlock(SetNestedBlock):
    """A block that may be repeated, in any order."""

    def __init__(
        self, name: str, attributes: list[Attribute], blocks: list[SetNestedBlock] | None = None, min_items: int = 0
    ) -> None:
        super().__init__(name, Block(attributes=attributes, block_types=blocks))
        self.min_items = min_items

    def semantically_equal(self, a_decoded: list, b_decoded: list) -> bool:
        return _sorted(a_decoded) == _sorted(b_decoded)


class ListBlock(SetBlock):
    """A block whose order counts; with `max_items=1` it stands once or not at all."""

    def __init__(
        self,
        name: str,
        attributes: list[Attribute],
        blocks: list[SetNestedBlock] | None = None,
        max_items: int | None = 1,
    ) -> None:
        super().__init__(name, attributes, blocks)
        self.max_items = max_items

    def to_pb(self) -> protocol.Schema.NestedBlock:
        # The framework knows sets only.
        message = super().to_pb()
        message.nesting = protocol.Schema.NestedBlock.NestingMode.LIST
        return message

    def semantically_equal(self, a_decoded: list, b_decoded: list) -> bool:
        return a_decoded == b_decoded


def _sorted(values: list[dict]) -> list[str]:
    return sorted(repr(sorted(value.items())) for value in values)
