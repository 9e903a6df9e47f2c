variable "name" {
  description = "Prefix of every name of the installation."
  type        = string
}

variable "server_name" {
  description = "Name of the server: in the names of its app client, role and sessions."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9._-]*$", var.server_name)) && length("${var.name}-server-${var.server_name}") <= 64
    error_message = "server_name \"${var.server_name}\" is refused: lower-case letters, digits and ._-, a letter or digit first, and \"${var.name}-server-${var.server_name}\" within IAM's 64 characters. Example: web-01"
  }
}

variable "user_pool_id" {
  description = "The user pool that gets the app client."
  type        = string
}

variable "issuer" {
  description = "The pool's issuer: the item is for its tokens alone, whatever other issuers the service trusts."
  type        = string
}

variable "resource_server_identifier" {
  description = "First part of the scopes' names."
  type        = string
}

variable "table_name" {
  description = "The table of client mappings."
  type        = string
}

variable "lambda_role_arn" {
  description = "ARN of the vending Lambda's role."
  type        = string
}

variable "lambda_function_arn" {
  description = "ARN of the vending Lambda."
  type        = string
}

variable "role_path" {
  description = "IAM path of the server's own role."
  type        = string
  default     = "/"
}

variable "permissions_boundary_arn" {
  description = "ARN of the policy that bounds the server's own role; null for none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the server's own role, beside the provider's default tags."
  type        = map(string)
  default     = {}
}

variable "shared_role_arn" {
  description = "ARN of a role for all servers of one level, with which each session is restricted to its prefix by a session policy. null: the server gets a role of its own."
  type        = string
  default     = null
}

variable "uses_shared_role" {
  description = "Whether shared_role_arn is used. Said apart, because an ARN is not known before its role exists."
  type        = bool
  default     = false
}

variable "bucket_arn" {
  description = "ARN of the servers' bucket."
  type        = string
}

variable "kms_key_arn" {
  description = "The key the bucket is encrypted with; null for S3's own."
  type        = string
  default     = null
}

variable "s3_path_prefix" {
  description = "Where in the bucket the server works; ends in \"/\"."
  type        = string

  # Checked here as well as in terraform/modules/s3-permissions, which a server of a shared role does not reach.
  validation {
    condition     = can(regex("^([A-Za-z0-9!_.()=@+,:-]+/)+$", var.s3_path_prefix)) && length(setintersection(split("/", var.s3_path_prefix), [".", ".."])) == 0 && length(var.s3_path_prefix) <= 512
    error_message = "s3_path_prefix \"${var.s3_path_prefix}\" is refused: it must end in \"/\", must not start with \"/\" or hold \"//\", \".\" or \"..\" as a folder, has at most 512 characters, and consists of letters, digits and !_.()=@+,:-/. Example: logs/web-01/"
  }
}

variable "s3_permissions" {
  description = "\"write\" (upload), \"read-write\" (also download) or \"full\" (also delete and list)."
  type        = string
  default     = "write"
}

variable "allowed_scopes" {
  description = "Short names of the scopes the app client may ask for (write, read, delete, list). null: those of its level."
  type        = set(string)
  default     = null
}

variable "access_token_minutes" {
  description = "Lifetime of the server's access tokens in minutes; see ../m2m-client."
  type        = number
  default     = 60
}

variable "session_duration_seconds" {
  description = "Lifetime of the server's credentials in seconds, 900 to 3600. null: the service's own."
  type        = number
  default     = null
}

variable "external_id" {
  description = "ExternalId for the server's own role. null: none."
  type        = string
  default     = null
}

variable "disabled" {
  description = "true: nothing is vended, everything else stays."
  type        = bool
  default     = false
}

variable "expires_at" {
  description = "Time from which on nothing is vended, in RFC 3339 and UTC. null: never."
  type        = string
  default     = null

  validation {
    condition     = var.expires_at == null || can(regex("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$", var.expires_at)) && can(formatdate("YYYY", var.expires_at)) && can(regex("^(19[7-9]|20|21)", var.expires_at))
    error_message = "expires_at \"${coalesce(var.expires_at, "null")}\" is not a time in RFC 3339 with whole seconds in UTC, from 1970 to 2199. Example: 2027-01-31T00:00:00Z"
  }
}

variable "source_cidrs" {
  description = "Networks the server's requests must come from. null: any."
  type        = set(string)
  default     = null
}

variable "observe" {
  description = "Rules of the server's item that are put on record and not enforced: allowed_scopes, expires_at, source_cidrs."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for rule in var.observe : contains(["allowed_scopes", "expires_at", "source_cidrs"], rule)])
    error_message = "observe names rules of allowed_scopes, expires_at and source_cidrs; every other rule is always enforced. Example: [\"source_cidrs\"]"
  }
}
