variable "name" {
  description = "Name of the server's application at the identity provider."
  type        = string
}

variable "server_name" {
  description = "Name of the server."
  type        = string
}

variable "audience" {
  description = "Identifier of the API in Auth0."
  type        = string
}

variable "s3_permissions" {
  description = "Permission level of the server, which decides its scopes: \"write\", \"read-write\" or \"full\"."
  type        = string

  validation {
    condition     = contains(["write", "read-write", "full"], var.s3_permissions)
    error_message = "s3_permissions \"${var.s3_permissions}\" of ${var.server_name} is unknown. Allowed are \"write\" (upload), \"read-write\" (also download) and \"full\" (also delete and list)."
  }
}
