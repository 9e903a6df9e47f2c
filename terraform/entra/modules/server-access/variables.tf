variable "name" {
  description = "Name of the server's application at the identity provider."
  type        = string
}

variable "server_name" {
  description = "Name of the server."
  type        = string
}

variable "client_secrets" {
  description = "The application's secrets: a name each, and possibly an end date (RFC 3339)."
  type = list(object({
    name     = string
    end_date = optional(string)
  }))

  validation {
    condition     = length(var.client_secrets) > 0
    error_message = "client_secrets of ${var.server_name} is empty: without a secret the server gets no token. Example: [{ name = \"1\" }]"
  }
}

variable "api_service_principal_object_id" {
  description = "Object id of the API's service principal."
  type        = string
}

variable "api_role_id" {
  description = "Id of the API's app role."
  type        = string
}
