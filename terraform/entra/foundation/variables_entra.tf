variable "tenant_id" {
  description = "Id of the Entra ID tenant (a GUID, not the domain: it is part of the tokens' issuer)."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.tenant_id))
    error_message = "tenant_id \"${var.tenant_id}\" is not a tenant id: a GUID in lower case, as `az account show --query tenantId` prints it. Example: 11111111-2222-3333-4444-555555555555"
  }
}
