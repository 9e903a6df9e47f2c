variable "name" {
  description = "Prefix of the roles' names."
  type        = string
}

variable "servers" {
  description = "The servers of one layer, by name: they share a bucket, and each has a prefix of its own."
  type = map(object({
    s3_path_prefix       = string
    s3_permissions       = string
    overlaps_with        = list(string)
    max_session_duration = number
  }))

  validation {
    condition     = alltrue([for server in keys(var.servers) : can(regex("^[a-z0-9][a-z0-9._-]*$", server))])
    error_message = "Server names consist of lower-case letters, digits and . _ -, and begin with a letter or digit, since roles and sessions are named after them. Refused: ${join(", ", [for server in keys(var.servers) : server if !can(regex("^[a-z0-9][a-z0-9._-]*$", server))])}. Example: web-01"
  }

  validation {
    condition     = alltrue([for server in keys(var.servers) : length("${var.name}-server-${server}") <= 64])
    error_message = "These server names are too long: ${join(", ", [for server in keys(var.servers) : server if length("${var.name}-server-${server}") > 64])}. The role is called ${var.name}-server-SERVER, and IAM takes at most 64 characters, which leaves ${64 - length("${var.name}-server-")} for SERVER."
  }

  # IAM would read *, ? and $ in a resource as pattern or policy variable, and the prefix would cover more than it says.
  validation {
    condition = alltrue([for server in values(var.servers) :
      can(regex("^([A-Za-z0-9!_.()=@+,:-]+/)+$", server.s3_path_prefix)) && length(server.s3_path_prefix) <= 512
    ])
    error_message = "s3_path_prefix must end in \"/\", must not be empty, start with \"/\" or hold \"//\", has at most 512 characters and consists of letters, digits and !_.()=@+,:-/ (a * or $ would be a pattern in an IAM policy). Refused: ${join(", ", [for name, server in var.servers : "${name} (\"${server.s3_path_prefix}\")" if !(can(regex("^([A-Za-z0-9!_.()=@+,:-]+/)+$", server.s3_path_prefix)) && length(server.s3_path_prefix) <= 512)])}. Example: logs/web-01/"
  }

  validation {
    condition     = alltrue([for server in values(var.servers) : length(setintersection(split("/", server.s3_path_prefix), [".", ".."])) == 0])
    error_message = "s3_path_prefix holds \".\" or \"..\" as a folder: S3 takes it literally, many tools resolve it, and then the prefix is another server's. Refused: ${join(", ", [for name, server in var.servers : "${name} (\"${server.s3_path_prefix}\")" if length(setintersection(split("/", server.s3_path_prefix), [".", ".."])) > 0])}. Example: logs/web-01/"
  }

  validation {
    condition = alltrue(flatten([for name, server in var.servers : [for other_name, other in var.servers :
      name == other_name || !startswith(other.s3_path_prefix, server.s3_path_prefix) || contains(server.overlaps_with, other_name) || contains(other.overlaps_with, name)
    ]]))
    error_message = "The prefix of one server lies inside another's, so the outer one reaches the inner one's objects: ${join(", ", flatten([for name, server in var.servers : [for other_name, other in var.servers : "${name} (\"${server.s3_path_prefix}\") holds ${other_name} (\"${other.s3_path_prefix}\")" if name != other_name && startswith(other.s3_path_prefix, server.s3_path_prefix) && !contains(server.overlaps_with, other_name) && !contains(other.overlaps_with, name)]]))}. If that is meant, one of the two names the other: overlaps_with = [\"SERVER\"]"
  }

  validation {
    condition     = alltrue(flatten([for server in values(var.servers) : [for other in server.overlaps_with : contains(keys(var.servers), other)]]))
    error_message = "overlaps_with names servers that do not exist: ${join(", ", flatten([for name, server in var.servers : [for other in server.overlaps_with : "${other} (in ${name})" if !contains(keys(var.servers), other)]]))}. Allowed: ${join(", ", keys(var.servers))}."
  }

  validation {
    condition     = alltrue([for server in values(var.servers) : contains(["write", "read-write", "full"], server.s3_permissions)])
    error_message = "s3_permissions is \"write\" (upload), \"read-write\" (also download) or \"full\" (also delete and list). Refused: ${join(", ", [for name, server in var.servers : "${name} (\"${server.s3_permissions}\")" if !contains(["write", "read-write", "full"], server.s3_permissions)])}."
  }

  # Without the bound of an hour that the vending API has: no role is assumed from another one here (no role chaining).
  validation {
    condition = alltrue([for server in values(var.servers) :
      server.max_session_duration >= 3600 && server.max_session_duration <= 43200 && floor(server.max_session_duration) == server.max_session_duration
    ])
    error_message = "max_session_duration is 3600 to 43200 whole seconds (1 to 12 hours), IAM's range for a role that is assumed directly with a token. Refused: ${join(", ", [for name, server in var.servers : "${name} (${server.max_session_duration})" if !(server.max_session_duration >= 3600 && server.max_session_duration <= 43200 && floor(server.max_session_duration) == server.max_session_duration)])}. Example: 3600"
  }
}
