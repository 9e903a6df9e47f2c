variable "servers" {
  description = <<-EOT
    The servers, by name. Their clients are made at the identity provider, elsewhere; here stands what their tokens say.
    subject: `sub` of the server's tokens, exact ("system:serviceaccount:NAMESPACE:NAME", a SPIFFE id, a client's id …).
    client_id: the client's id at the identity provider, if it has one: OIDC_CLIENT_ID of the server, and `azp` of its
    tokens where they have one (without it here, tokens with `azp` are refused by AWS). scopes: OIDC_SCOPES of the server.
    token_file: path of a file on the server in which the token lies (Kubernetes, SPIFFE); no client_id then.
    s3_path_prefix (ends in "/"), s3_permissions: "write" (default: upload), "read-write" (also download), "full" (also
    delete and list). overlaps_with: servers whose prefix may lie inside this one's, or this one's inside theirs.
    max_session_duration: length of a session in seconds, 3600 (default) to 43200: the role allows it, the client asks for it.
    One role a server: a role shared by several would leave it to each of them to choose its session policy, since the
    caller of AssumeRoleWithWebIdentity passes it and nothing stands between. Fleets past IAM's quota of 1,000 roles use
    access_mode = "shared-role" of terraform-cognito.
  EOT
  type = map(object({
    subject              = string
    client_id            = optional(string)
    scopes               = optional(list(string), [])
    token_file           = optional(string)
    s3_path_prefix       = string
    s3_permissions       = optional(string, "write")
    overlaps_with        = optional(list(string), [])
    max_session_duration = optional(number, 3600)
  }))
  default = {}

  validation {
    condition     = alltrue([for server in values(var.servers) : can(regex("^[^*?$\\s]{1,255}$", server.subject))])
    error_message = "subject is the whole `sub` of the server's tokens, 1 to 255 characters without spaces, without * and ? (it is no pattern: every other client of the issuer could fit it) and without $, which IAM would read as a policy variable. Refused: ${join(", ", [for name, server in var.servers : "${name} (\"${server.subject}\")" if !can(regex("^[^*?$\\s]{1,255}$", server.subject))])}. Example: system:serviceaccount:logs:shipper"
  }

  validation {
    condition     = length(distinct(values(var.servers)[*].subject)) == length(var.servers)
    error_message = "Two servers have the same subject, so each could assume the other's role: ${join(", ", [for name, server in var.servers : "${name} (\"${server.subject}\")" if length([for other in values(var.servers) : other if other.subject == server.subject]) > 1])}. Give each server a client of its own."
  }

  validation {
    condition     = alltrue([for server in values(var.servers) : server.client_id == null || can(regex("^[^*?$\\s]{1,255}$", coalesce(server.client_id, "-")))])
    error_message = "client_id has 1 to 255 characters without spaces, *, ? and $. Refused: ${join(", ", [for name, server in var.servers : "${name} (\"${coalesce(server.client_id, "null")}\")" if server.client_id != null && !can(regex("^[^*?$\\s]{1,255}$", coalesce(server.client_id, "-")))])}. Example: shipper-web-01"
  }

  validation {
    condition     = alltrue([for server in values(var.servers) : alltrue([for scope in server.scopes : can(regex("^[!#-\\[\\]-~]+$", scope))])])
    error_message = "scopes are single words of printable characters without spaces, \" and \\ (RFC 6749, section 3.3). Refused: ${join(", ", [for name, server in var.servers : name if !alltrue([for scope in server.scopes : can(regex("^[!#-\\[\\]-~]+$", scope))])])}. Example: [\"logs.write\"]"
  }

  validation {
    condition     = alltrue([for server in values(var.servers) : server.token_file == null || (startswith(coalesce(server.token_file, "-"), "/") && server.client_id == null && length(server.scopes) == 0)])
    error_message = "token_file is an absolute path, and a server with one requests no token, so client_id and scopes do not go with it. Refused: ${join(", ", [for name, server in var.servers : name if server.token_file != null && !(startswith(coalesce(server.token_file, "-"), "/") && server.client_id == null && length(server.scopes) == 0)])}. Example: /var/run/secrets/tokens/credvend"
  }
}
