variable "servers" {
  description = <<-EOT
    The servers by name. Three lines add one:
      "web-01" = {
        s3_path_prefix = "logs/web-01/"
      }
    s3_path_prefix            where in the bucket it works; ends in "/"
    s3_permissions            "write" (upload), "read-write" (also download) or "full" (also delete and list)
    overlaps_with             servers whose prefix may lie inside its own, or around it
    allowed_scopes            scopes its tokens may hold, of write, read, delete, list; default: those of its permissions
    session_duration_seconds  lifetime of its credentials, 900 to 3600; default: the foundation's
    external_id               ExternalId between the vending Lambda and its role (access_mode "per-server")
    disabled                  true: it gets no more credentials, all else stays
    expires_at                from then on it gets no more credentials; UTC, e.g. "2027-01-31T00:00:00Z"
    source_cidrs              networks its requests must come from
    observe                   rules that are put on record and not enforced: allowed_scopes, expires_at, source_cidrs
  EOT
  type = map(object({
    s3_path_prefix           = string
    s3_permissions           = optional(string, "write")
    overlaps_with            = optional(set(string), [])
    allowed_scopes           = optional(set(string))
    session_duration_seconds = optional(number)
    external_id              = optional(string)
    disabled                 = optional(bool, false)
    expires_at               = optional(string)
    source_cidrs             = optional(set(string))
    observe                  = optional(set(string), [])
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.servers) : can(regex("^[a-z0-9][a-z0-9._-]*$", name)) && length("${local.name}-server-${name}") <= 64])
    error_message = "servers: a name consists of lower-case letters, digits and ._-, begins with a letter or digit, and keeps \"${local.name}-server-<name>\" within the 64 characters of an IAM role's name. Refused: ${join(", ", [for name in keys(var.servers) : jsonencode(name) if !(can(regex("^[a-z0-9][a-z0-9._-]*$", name)) && length("${local.name}-server-${name}") <= 64)])}. Example: web-01"
  }

  # IAM reads *, ? and $ in a policy as pattern or variable, which would make the prefix wider than it looks.
  validation {
    condition     = alltrue([for server in var.servers : can(regex("^([A-Za-z0-9!_.()=@+,:-]+/)+$", server.s3_path_prefix))])
    error_message = "servers: s3_path_prefix must end in \"/\", must not begin with \"/\" or hold \"//\", and consists of letters, digits and !_.()=@+,:-/ (a * or $ would be a pattern in an IAM policy). Refused: ${join(", ", [for name, server in var.servers : "${name} (${jsonencode(server.s3_path_prefix)})" if !can(regex("^([A-Za-z0-9!_.()=@+,:-]+/)+$", server.s3_path_prefix))])}. Example: logs/web-01/"
  }

  validation {
    condition     = alltrue([for server in var.servers : length(setintersection(split("/", server.s3_path_prefix), [".", ".."])) == 0])
    error_message = "servers: s3_path_prefix must not hold \".\" or \"..\" as a folder: S3 takes it literally, many tools resolve it, and then the prefix is another one. Refused: ${join(", ", [for name, server in var.servers : "${name} (${jsonencode(server.s3_path_prefix)})" if length(setintersection(split("/", server.s3_path_prefix), [".", ".."])) > 0])}. Example: logs/web-01/"
  }

  # A shared role's session carries the prefix as a tag: 256 characters of letters, digits, spaces and _.:/=+-@ (STS).
  validation {
    condition     = alltrue([for server in var.servers : length(server.s3_path_prefix) <= (var.access_mode == "shared-role" ? 257 : 512)])
    error_message = "servers: s3_path_prefix can be 512 characters long, and 257 with access_mode = \"shared-role\", where a session tag holds it. Too long: ${join(", ", [for name, server in var.servers : "${name} (${length(server.s3_path_prefix)})" if length(server.s3_path_prefix) > (var.access_mode == "shared-role" ? 257 : 512)])}."
  }

  validation {
    condition     = var.access_mode == "per-server" || alltrue([for server in var.servers : !can(regex("[!(),]", server.s3_path_prefix))])
    error_message = "servers: with access_mode = \"shared-role\" a session tag holds the prefix, and a tag takes none of !(), in it. Refused: ${join(", ", [for name, server in var.servers : "${name} (${jsonencode(server.s3_path_prefix)})" if can(regex("[!(),]", server.s3_path_prefix))])}."
  }

  validation {
    condition     = alltrue([for server in var.servers : contains(["write", "read-write", "full"], server.s3_permissions)])
    error_message = "servers: s3_permissions is \"write\" (upload), \"read-write\" (also download) or \"full\" (also delete and list). Refused: ${join(", ", [for name, server in var.servers : "${name} (${jsonencode(server.s3_permissions)})" if !contains(["write", "read-write", "full"], server.s3_permissions)])}."
  }

  validation {
    condition     = alltrue([for server in var.servers : length(setsubtract(server.overlaps_with, keys(var.servers))) == 0])
    error_message = "servers: overlaps_with names no server of this configuration: ${join(", ", [for name, server in var.servers : "${name} (${join(", ", setsubtract(server.overlaps_with, keys(var.servers)))})" if length(setsubtract(server.overlaps_with, keys(var.servers))) > 0])}. It is a list of other servers' names, e.g. overlaps_with = [\"web-01\"]."
  }

  validation {
    condition = alltrue(flatten([for name, inner in var.servers : [for other, outer in var.servers :
      !(startswith(inner.s3_path_prefix, outer.s3_path_prefix) && name != other && !contains(inner.overlaps_with, other) && !contains(outer.overlaps_with, name))
    ]]))
    error_message = "servers: the prefix of one server lies inside another's, so the outer one could write, and at its level read or delete, the inner one's objects: ${join("; ", flatten([for name, inner in var.servers : [for other, outer in var.servers : "${name} (${inner.s3_path_prefix}) inside ${other} (${outer.s3_path_prefix})" if startswith(inner.s3_path_prefix, outer.s3_path_prefix) && name != other && !contains(inner.overlaps_with, other) && !contains(outer.overlaps_with, name)]]))}. Give them prefixes side by side (logs/web-01/ and logs/web-02/), or, if it is meant, name the other server in overlaps_with of one of the two."
  }

  validation {
    condition     = alltrue([for server in var.servers : length(setsubtract(coalesce(server.allowed_scopes, ["write"]), ["write", "read", "delete", "list"])) == 0 && length(coalesce(server.allowed_scopes, ["write"])) > 0])
    error_message = "servers: allowed_scopes holds one or more of write, read, delete and list, without the resource server's name. Leave it out for the scopes of the server's permissions. Example: [\"write\", \"read\"]"
  }

  validation {
    condition     = alltrue([for server in var.servers : server.session_duration_seconds == null || (coalesce(server.session_duration_seconds, 900) >= 900 && coalesce(server.session_duration_seconds, 900) <= 3600 && floor(coalesce(server.session_duration_seconds, 900)) == coalesce(server.session_duration_seconds, 900))])
    error_message = "servers: session_duration_seconds must be a whole number from 900 to 3600: a Lambda's AssumeRole is role chaining, which STS ends after one hour whatever the role's own maximum. Refused: ${join(", ", [for name, server in var.servers : "${name} (${server.session_duration_seconds})" if server.session_duration_seconds == null ? false : server.session_duration_seconds < 900 || server.session_duration_seconds > 3600 || floor(server.session_duration_seconds) != server.session_duration_seconds])}. Example: 3600"
  }

  validation {
    condition     = alltrue([for server in var.servers : server.external_id == null || (can(regex("^[\\w+=,.@:/-]{2,}$", server.external_id)) && length(coalesce(server.external_id, "-")) <= 1224)])
    error_message = "servers: external_id consists of 2 to 1224 letters, digits and _+=,.@:/- (STS's rule). Refused for: ${join(", ", [for name, server in var.servers : name if server.external_id != null && !(can(regex("^[\\w+=,.@:/-]{2,}$", server.external_id)) && length(coalesce(server.external_id, "-")) <= 1224)])}. Example: 8c0b9e52-web-01"
  }

  validation {
    condition     = var.access_mode == "per-server" || alltrue([for server in var.servers : server.external_id == null])
    error_message = "servers: external_id is a condition of a server's own role, and with access_mode = \"shared-role\" it has none. Leave it out for: ${join(", ", [for name, server in var.servers : name if server.external_id != null])}."
  }

  validation {
    condition     = alltrue([for server in var.servers : server.expires_at == null || (can(regex("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$", server.expires_at)) && can(formatdate("YYYY", server.expires_at)) && can(regex("^(19[7-9]|20|21)", server.expires_at)))])
    error_message = "servers: expires_at is a time in RFC 3339 with whole seconds in UTC (a Z at its end), from 1970 to 2199. Refused: ${join(", ", [for name, server in var.servers : "${name} (${jsonencode(server.expires_at)})" if server.expires_at != null && !(can(regex("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$", server.expires_at)) && can(formatdate("YYYY", server.expires_at)) && can(regex("^(19[7-9]|20|21)", server.expires_at)))])}. Example: 2027-01-31T00:00:00Z"
  }

  validation {
    condition     = alltrue([for server in var.servers : length(coalesce(server.source_cidrs, ["0.0.0.0/0"])) > 0 && alltrue([for cidr in coalesce(server.source_cidrs, []) : can(cidrhost(cidr, 0)) && !can(regex("^0[0-9]+[.]|[.]0[0-9]", cidr))])])
    error_message = "servers: source_cidrs holds one or more networks in CIDR notation (a single address is a /32 or /128), without zeros in front of a number. Leave it out to allow any address. Refused for: ${join(", ", [for name, server in var.servers : name if !(length(coalesce(server.source_cidrs, ["0.0.0.0/0"])) > 0 && alltrue([for cidr in coalesce(server.source_cidrs, []) : can(cidrhost(cidr, 0)) && !can(regex("^0[0-9]+[.]|[.]0[0-9]", cidr))]))])}. Example: [\"10.1.0.0/16\"]"
  }

  validation {
    condition     = alltrue([for server in var.servers : alltrue([for rule in server.observe : contains(["allowed_scopes", "expires_at", "source_cidrs"], rule)])])
    error_message = "servers: observe names rules of allowed_scopes, expires_at and source_cidrs; every other rule is always enforced. Refused for: ${join(", ", [for name, server in var.servers : name if !alltrue([for rule in server.observe : contains(["allowed_scopes", "expires_at", "source_cidrs"], rule)])])}. Example: [\"source_cidrs\"]"
  }
}
