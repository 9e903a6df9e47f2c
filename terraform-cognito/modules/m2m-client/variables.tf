variable "client_name" {
  description = "Name of the app client, as the Cognito console shows it."
  type        = string

  validation {
    condition     = can(regex("^[\\w+=,.@-]{1,128}$", var.client_name))
    error_message = "client_name \"${var.client_name}\" is refused: Cognito takes 1 to 128 letters, digits and _+=,.@-. Example: credvend-agent-reporter"
  }
}

variable "user_pool_id" {
  description = "The user pool that gets the app client."
  type        = string
}

# A client without scopes of its own could ask for nothing, and Cognito refuses to make it; `openid` and its kind are for people.
variable "allowed_scopes" {
  description = "Full names of the scopes that the app client may ask for: <resource server>/<scope>."
  type        = set(string)

  validation {
    condition     = length(var.allowed_scopes) > 0 && alltrue([for scope in var.allowed_scopes : can(regex("^[!#-\\[\\]-~]+/[!#-.0-\\[\\]-~]+$", scope))])
    error_message = "allowed_scopes must hold one or more scopes of a resource server, each <resource server>/<scope>: ${join(", ", [for scope in var.allowed_scopes : jsonencode(scope)])}. Example: https://api.example.com/read"
  }
}

variable "access_token_minutes" {
  description = "Lifetime of the client's access tokens in minutes."
  type        = number
  default     = 60

  validation {
    condition     = var.access_token_minutes >= 5 && var.access_token_minutes <= 1440 && floor(var.access_token_minutes) == var.access_token_minutes
    error_message = "access_token_minutes must be a whole number from 5 to 1440 (Cognito's bounds; a token that lives longer than a day is refused). Example: 60"
  }
}
