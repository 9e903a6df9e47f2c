"""What both providers share."""

import os

from tf.iface import Config, DataSource, Provider, Resource
from tf.schema import Schema
from tf.types import Unknown
from tf.utils import Diagnostics

from .local_stack import LocalStack, StackError


class StackProvider(Provider):
    """A provider whose tenant lives in the local stack."""

    name: str
    source: str
    # The kind of the tenant in the stack's routes.
    kind: str
    attributes: list
    resources: list[type[Resource]]
    data_sources: list[type[DataSource]]
    # Attribute -> environment variable that stands in for it.
    environment: dict[str, str]

    def __init__(self) -> None:
        self.stack: LocalStack | None = None
        self.settings: dict = {}

    def get_model_prefix(self) -> str:
        return f"{self.name}_"

    def full_name(self) -> str:
        return self.source

    def get_provider_schema(self, diags: Diagnostics) -> Schema:
        return Schema(attributes=self.attributes, version=0)

    def validate_config(self, diags: Diagnostics, config: Config) -> None:
        """Nothing can be said before the environment counts, which it does in `configure_provider`."""

    def configure_provider(self, diags: Diagnostics, config: Config) -> None:
        self.settings = {
            name: os.environ.get(variable) if config.get(name) in (None, Unknown) else config[name]
            for name, variable in self.environment.items()
        }
        tenant = self.tenant(diags)
        if diags.has_errors():
            return
        try:
            self.stack = LocalStack(self.kind, tenant)
        except StackError as error:
            diags.add_error(f"{self.name}: no local stack", str(error))

    def tenant(self, diags: Diagnostics) -> str:
        """The tenant that the settings name; an error in `diags` when there is none."""
        raise NotImplementedError

    def get_resources(self) -> list[type[Resource]]:
        return self.resources

    def get_data_sources(self) -> list[type[DataSource]]:
        return self.data_sources
