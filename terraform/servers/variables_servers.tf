variable "servers" {
  description = <<-EOT
    The servers, by name. s3_path_prefix (ends in "/") is all that must be said; also:
    s3_permissions: "write" (default: upload), "read-write" (also download), "full" (also delete and list).
    overlaps_with: servers whose prefix may lie inside this one's, or this one's inside theirs.
    max_session_duration: length of a session in seconds, 3600 (default) to 43200: the role allows it, the client asks for it.
    One role a server: a role shared by several would leave it to each of them to choose its session policy, since the
    caller of AssumeRoleWithWebIdentity passes it and nothing stands between. Fleets past IAM's quota of 1,000 roles use
    access_mode = "shared-role" of terraform-cognito.
  EOT
  type = map(object({
    s3_path_prefix       = string
    s3_permissions       = optional(string, "write")
    overlaps_with        = optional(list(string), [])
    max_session_duration = optional(number, 3600)
  }))
  default = {}
}
