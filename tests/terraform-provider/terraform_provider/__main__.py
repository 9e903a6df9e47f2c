"""`python -m terraform_provider auth0|azuread`: Terraform starts this and speaks plugin protocol 6 with it."""

import sys

from tf.runner import run_provider

from .auth0 import Auth0Provider
from .azuread import AzureAdProvider

PROVIDERS = {"auth0": Auth0Provider, "azuread": AzureAdProvider}


def main() -> int:
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    if name not in PROVIDERS:
        print(f"usage: terraform_provider {'|'.join(PROVIDERS)} (started by Terraform, not by hand)", file=sys.stderr)
        return 2
    run_provider(PROVIDERS[name](), [sys.argv[0]])
    return 0


if __name__ == "__main__":
    sys.exit(main())
