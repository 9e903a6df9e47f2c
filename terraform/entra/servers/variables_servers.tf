variable "servers" {
  description = <<-EOT
    The servers, by name. s3_path_prefix (ends in "/") is all that must be said; also:
    s3_permissions: "write" (default: upload), "read-write" (also download), "full" (also delete and list).
    overlaps_with: servers whose prefix may lie inside this one's, or this one's inside theirs.
    max_session_duration: length of a session in seconds, 3600 (default) to 43200: the role allows it, the client asks for it.
    client_secrets: the application's one or two secrets, all of them valid, each with a name and possibly an end_date
    (RFC 3339; Entra's own is two years away). To rotate: add a second one, bring it to the server, remove the first.
    One role a server: a role shared by several would leave it to each of them to choose its session policy, since the
    caller of AssumeRoleWithWebIdentity passes it and nothing stands between. Fleets past IAM's quota of 1,000 roles use
    access_mode = "shared-role" of terraform-cognito.
  EOT
  type = map(object({
    s3_path_prefix       = string
    s3_permissions       = optional(string, "write")
    overlaps_with        = optional(list(string), [])
    max_session_duration = optional(number, 3600)
    client_secrets = optional(list(object({
      name     = string
      end_date = optional(string)
    })), [{ name = "1" }])
  }))
  default = {}

  validation {
    condition     = alltrue([for server in values(var.servers) : contains([1, 2], length(server.client_secrets)) && length(distinct(server.client_secrets[*].name)) == length(server.client_secrets)])
    error_message = "client_secrets holds one secret, or two of different names while one is replaced by the other (the client tries the second when the first is refused). Refused: ${join(", ", [for name, server in var.servers : name if !(contains([1, 2], length(server.client_secrets)) && length(distinct(server.client_secrets[*].name)) == length(server.client_secrets))])}. Example: [{ name = \"2026\" }, { name = \"2027\" }]"
  }

  validation {
    condition     = alltrue(flatten([for server in values(var.servers) : [for secret in server.client_secrets : secret.end_date == null || can(timeadd(secret.end_date, "0s"))]]))
    error_message = "end_date of a client secret is a time in RFC 3339. Refused: ${join(", ", flatten([for name, server in var.servers : [for secret in server.client_secrets : "${name} (\"${coalesce(secret.end_date, "null")}\")" if secret.end_date != null && !can(timeadd(secret.end_date, "0s"))]]))}. Example: 2027-01-31T00:00:00Z"
  }
}
