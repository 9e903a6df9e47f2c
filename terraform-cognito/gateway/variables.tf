variable "aws_region" {
  description = "AWS region of the foundation."
  type        = string
}

variable "state_bucket" {
  description = "The environment's state bucket, in which the foundation's state lies: `bucket` in backend.hcl."
  type        = string
}

variable "tags" {
  description = "Tags of the layer's resources. They win over the foundation's of the same key, in any spelling."
  type        = map(string)
  default     = {}
}

variable "api_identifier" {
  description = "Identifier of the API behind the gateway, the first part of its scopes' names: <identifier>/read, /write and /admin. Usually the API's URL. Another one replaces the resource server, and the agents need new tokens."
  type        = string

  # RFC 6749 §3.3: a scope is printable ASCII without space, quote and backslash. Cognito puts a "/" before its own part.
  validation {
    condition     = can(regex("^[!#-\\[\\]-~]{1,200}$", var.api_identifier)) && !endswith(var.api_identifier, "/")
    error_message = "api_identifier \"${var.api_identifier}\" is refused: 1 to 200 printable ASCII characters without space, quote and backslash, and no \"/\" at its end. Example: https://api.example.com"
  }

  # Servers hold tokens with the foundation's scopes, and they must open nothing here.
  validation {
    condition     = var.api_identifier != local.foundation.resource_server_identifier
    error_message = "api_identifier \"${var.api_identifier}\" is the foundation's resource_server_identifier, whose scopes the servers hold for the vending API. The API behind the gateway needs one of its own. Example: https://api.example.com"
  }
}

variable "agents" {
  description = <<-EOT
    The agents by name. Three lines add one:
      "reporter" = {
        scopes = ["read"]
      }
    scopes  what its tokens may hold: one or more of read, write and admin
  EOT
  type = map(object({
    scopes = set(string)
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.agents) : can(regex("^[a-z0-9][a-z0-9._-]{0,63}$", name))])
    error_message = "agents: a name consists of 1 to 64 lower-case letters, digits and ._-, and begins with a letter or digit. Refused: ${join(", ", [for name in keys(var.agents) : jsonencode(name) if !can(regex("^[a-z0-9][a-z0-9._-]{0,63}$", name))])}. Example: reporter"
  }

  validation {
    condition     = alltrue([for agent in var.agents : length(agent.scopes) > 0 && length(setsubtract(agent.scopes, keys(local.scopes))) == 0])
    error_message = "agents: scopes holds one or more of read, write and admin, without the API's identifier. Refused: ${join(", ", [for name, agent in var.agents : "${name} (${join(", ", agent.scopes)})" if !(length(agent.scopes) > 0 && length(setsubtract(agent.scopes, keys(local.scopes))) == 0)])}. Example: [\"read\"]"
  }
}

variable "access_token_minutes" {
  description = "Lifetime of the agents' access tokens in minutes, 5 to 1440. A removed agent's last token works at the gateway until it expires. Tokens are billed, and the client keeps one until it expires."
  type        = number
  default     = 60
}
