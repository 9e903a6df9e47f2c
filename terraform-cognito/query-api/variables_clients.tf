variable "cognito_domain" {
  description = "Prefix of the token endpoint's host: <prefix>.auth.<region>.amazoncognito.com (GovCloud: auth-fips), unique in the region. With existing_user_pool_id: that pool's own prefix, or its full host."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.cognito_domain)) || (var.existing_user_pool_id != null && can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.cognito_domain)))
    error_message = "cognito_domain \"${var.cognito_domain}\" is refused: it is one label of a host name, 1 to 63 lower-case letters, digits and hyphens, without dots; with existing_user_pool_id it may be the pool's full host. Example: example-corp-query"
  }

  validation {
    condition     = var.existing_user_pool_id != null || !can(regex("aws|amazon|cognito", var.cognito_domain))
    error_message = "cognito_domain \"${var.cognito_domain}\" holds \"aws\", \"amazon\" or \"cognito\", which Cognito reserves. Example: example-corp-query"
  }
}

variable "existing_user_pool_id" {
  description = "Id of a user pool that gets the resource server and the app clients, for instance the foundation's. null: a pool of this installation."
  type        = string
  default     = null

  validation {
    condition     = var.existing_user_pool_id == null || can(regex("^${var.aws_region}_[0-9A-Za-z]+$", var.existing_user_pool_id))
    error_message = "existing_user_pool_id \"${coalesce(var.existing_user_pool_id, "null")}\" is not the id of a user pool in aws_region. Example: ${var.aws_region}_AbCdEf123"
  }
}

variable "resource_server_identifier" {
  description = "Identifier of the resource server; scopes are named <identifier>/query.read and so on."
  type        = string
  default     = "athena-api"

  # RFC 6749 §3.3: a scope is printable ASCII without space, quote and backslash. Cognito puts a "/" before its own part.
  validation {
    condition     = can(regex("^[!#-\\[\\]-~]{1,200}$", var.resource_server_identifier)) && !endswith(var.resource_server_identifier, "/")
    error_message = "resource_server_identifier \"${var.resource_server_identifier}\" is refused: 1 to 200 printable ASCII characters without space, quote and backslash, and no \"/\" at its end. Example: athena-api"
  }
}

variable "clients" {
  description = <<-EOT
    The app clients by name. Three lines add one:
      "reporter" = {
        scope = "query.read"
      }
    scope                 query.read (reads, as the dev role), query.write (changes data as well, as the super role) or
                          query.admin (DDL as well, as the super role); each includes the ones before
    access_token_minutes  lifetime of its tokens, 60 unless said
  EOT
  type = map(object({
    scope                = string
    access_token_minutes = optional(number, 60)
  }))
  default = {
    super = { scope = "query.write" }
    dev   = { scope = "query.read" }
    admin = { scope = "query.admin" }
  }

  validation {
    condition     = alltrue([for name in keys(var.clients) : can(regex("^[a-z0-9][a-z0-9._-]{0,63}$", name))])
    error_message = "clients: a name consists of 1 to 64 lower-case letters, digits and ._-, and begins with a letter or digit. Refused: ${join(", ", [for name in keys(var.clients) : jsonencode(name) if !can(regex("^[a-z0-9][a-z0-9._-]{0,63}$", name))])}. Example: reporter"
  }

  validation {
    condition     = alltrue([for client in var.clients : contains(["query.read", "query.write", "query.admin"], client.scope)])
    error_message = "clients: scope is query.read, query.write or query.admin, without the resource server's identifier. Refused: ${join(", ", [for name, client in var.clients : "${name} (${client.scope})" if !contains(["query.read", "query.write", "query.admin"], client.scope)])}. Example: scope = \"query.read\""
  }
}

variable "role_mappings_table" {
  description = "true: a DynamoDB table in which an item gives a client, or the holders of a scope, another role than the two; such roles are named <name>-lf-…, trust the Lambda's role, and are made elsewhere. false: the two roles for all."
  type        = bool
  default     = false
}
