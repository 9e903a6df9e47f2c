variable "auth0_domain" {
  description = "Domain of the Auth0 tenant, or its custom domain: the host of the token endpoint and of the tokens' issuer."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.auth0_domain))
    error_message = "auth0_domain \"${var.auth0_domain}\" is refused: a host name in lower case, without https:// and without a slash. Example: example.eu.auth0.com"
  }
}

variable "auth0_audience" {
  description = "Identifier of the API to create in Auth0, which is the audience (`aud`) of the tokens. It is a name and need not be reachable. Changing it replaces the API."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9:/._~-]{1,255}$", var.auth0_audience))
    error_message = "auth0_audience \"${var.auth0_audience}\" is refused: 1 to 255 letters, digits and :/._~- (IAM, which compares it, would read * or $ as a pattern or policy variable). Example: https://credvend.example.com"
  }
}

variable "token_lifetime_seconds" {
  description = "Lifetime of the access tokens in seconds, 300 to 86400. Auth0 counts the tokens it issues; the client keeps one until it expires."
  type        = number
  default     = 3600

  validation {
    condition     = var.token_lifetime_seconds >= 300 && var.token_lifetime_seconds <= 86400 && floor(var.token_lifetime_seconds) == var.token_lifetime_seconds
    error_message = "token_lifetime_seconds ${var.token_lifetime_seconds} is refused: 300 to 86400 whole seconds; a shorter token could expire while a role is assumed with it, a longer one is a key for days. Example: 3600"
  }
}
