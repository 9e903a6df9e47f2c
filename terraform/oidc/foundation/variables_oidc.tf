variable "issuer_url" {
  description = "The issuer's URL, exactly as the tokens' `iss` has it, a slash at its end included. AWS must be able to reach its /.well-known/openid-configuration and keys."
  type        = string

  validation {
    condition     = can(regex("^https://[a-z0-9-]+(\\.[a-z0-9-]+)+(/[A-Za-z0-9._~/-]*)?$", var.issuer_url))
    error_message = "issuer_url \"${var.issuer_url}\" is refused: IAM takes https:// with a host name in lower case and possibly a path, without port, query or fragment. Example: https://idp.example.com/realms/servers"
  }
}

variable "audiences" {
  description = "Audiences (`aud`) of the tokens that are taken. The client asks for the first."
  type        = list(string)

  validation {
    condition     = length(var.audiences) > 0 && length(distinct(var.audiences)) == length(var.audiences) && alltrue([for audience in var.audiences : can(regex("^[A-Za-z0-9:/._~-]{1,255}$", audience))])
    error_message = "audiences [${join(", ", var.audiences)}] is refused: at least one, each once, of 1 to 255 letters, digits and :/._~-. Example: [\"sts.amazonaws.com\"]"
  }
}
