"""A development provider: it plays auth0/auth0 and hashicorp/azuread against the local stack."""
