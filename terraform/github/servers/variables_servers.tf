variable "servers" {
  description = <<-EOT
    The workflows' roles, by name: whatever a job of the repository does on the named branches, on the named tags or in
    the named environments may assume the role.
    repository: "owner/name", one repository. branches, tags, environments: exactly one of the three lists; names as
    GitHub has them; a branch or tag may end in * after a part of its last name ("release/v*").
    owner_id, repository_id: GitHub's numbers of both, for repositories created, renamed or moved after 2026-07-15, whose
    tokens carry them (`gh api repos/OWNER/NAME --jq '.owner.id, .id'`); tokens with and without them are taken then.
    numbers_only: true refuses tokens without the numbers, as soon as GitHub sends them: a name that its owner gives up can be
    taken over by somebody else, a number cannot. Needs owner_id and repository_id.
    s3_path_prefix (ends in "/"), s3_permissions: "write" (default: upload), "read-write" (also download), "full" (also
    delete and list). overlaps_with: roles whose prefix may lie inside this one's, or this one's inside theirs.
    max_session_duration: length of a session in seconds, 3600 (default) to 43200: the role allows it, the client asks for it.
    pull_request: always refused, see its message.
    One role a server: a role shared by several would leave it to each of them to choose its session policy, since the
    caller of AssumeRoleWithWebIdentity passes it and nothing stands between. Fleets past IAM's quota of 1,000 roles use
    access_mode = "shared-role" of terraform-cognito.
  EOT
  type = map(object({
    repository           = string
    branches             = optional(list(string), [])
    tags                 = optional(list(string), [])
    environments         = optional(list(string), [])
    pull_request         = optional(bool, false)
    owner_id             = optional(string)
    repository_id        = optional(string)
    numbers_only         = optional(bool, false)
    s3_path_prefix       = string
    s3_permissions       = optional(string, "write")
    overlaps_with        = optional(list(string), [])
    max_session_duration = optional(number, 3600)
  }))
  default = {}

  validation {
    condition     = alltrue([for server in values(var.servers) : !can(regex("[*?]", server.repository))])
    error_message = "repository must be one repository, without * or ?: every user who may create a repository in the organisation (or one whose name fits) would get the role, with any workflow they like. Refused: ${join(", ", [for name, server in var.servers : "${name} (\"${server.repository}\")" if can(regex("[*?]", server.repository))])}. Make one entry for each repository. Example: example-corp/app"
  }

  validation {
    condition     = alltrue([for server in values(var.servers) : can(regex("[*?]", server.repository)) || can(regex("^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$", server.repository))])
    error_message = "repository is \"owner/name\", as in its URL after github.com/. Refused: ${join(", ", [for name, server in var.servers : "${name} (\"${server.repository}\")" if !can(regex("^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$", server.repository))])}. Example: example-corp/app"
  }

  validation {
    condition     = alltrue([for server in values(var.servers) : !server.numbers_only || server.owner_id != null])
    error_message = "numbers_only needs owner_id and repository_id, else no token at all would be taken. Missing for: ${join(", ", [for name, server in var.servers : name if server.numbers_only && server.owner_id == null])}. GitHub shows them: gh api repos/OWNER/NAME --jq '.owner.id, .id'"
  }

  validation {
    condition     = alltrue([for server in values(var.servers) : !server.pull_request])
    error_message = "pull_request is refused: a pull request runs code before its review, and all pull requests have the same subject in their tokens, so every user who can open one would get the role. Refused: ${join(", ", [for name, server in var.servers : name if server.pull_request])}. Trust a branch, or an environment that asks for approval."
  }

  validation {
    condition     = alltrue([for server in values(var.servers) : length([for list in [server.branches, server.tags, server.environments] : list if length(list) > 0]) == 1])
    error_message = "Exactly one of branches, tags and environments must be given: with none the role would trust any branch and any pull request of the repository; a job in an environment says nothing of its branch. Refused: ${join(", ", [for name, server in var.servers : name if length([for list in [server.branches, server.tags, server.environments] : list if length(list) > 0]) != 1])}. Example: branches = [\"main\"]"
  }

  validation {
    condition     = alltrue(flatten([for server in values(var.servers) : [for ref in concat(server.branches, server.tags) : can(regex("^([^*]+/)?\\*+$", ref)) == false]]))
    error_message = "A branch or tag that is * alone, or * after a slash, takes any name: every user who may push a branch could change the workflow and get the role, without a review. Refused: ${join(", ", flatten([for name, server in var.servers : [for ref in concat(server.branches, server.tags) : "${name} (\"${ref}\")" if can(regex("^([^*]+/)?\\*+$", ref))]]))}. Name them, or a part of the name that only protected ones have. Example: release/v*"
  }

  validation {
    condition     = alltrue(flatten([for server in values(var.servers) : [for ref in concat(server.branches, server.tags) : !startswith(ref, "refs/") && can(regex("^[^*?$\\s:~^\\[\\\\]*\\*?$", ref)) && ref != ""]]))
    error_message = "A branch or tag is the name GitHub shows, without refs/heads/ or refs/tags/; * may stand at its end only, and ? $ : ~ ^ [ \\ and spaces nowhere (they are no part of such names, or patterns for IAM). Refused: ${join(", ", flatten([for name, server in var.servers : [for ref in concat(server.branches, server.tags) : "${name} (\"${ref}\")" if !(!startswith(ref, "refs/") && can(regex("^[^*?$\\s:~^\\[\\\\]*\\*?$", ref)) && ref != "")]]))}. Example: main"
  }

  validation {
    condition     = alltrue(flatten([for server in values(var.servers) : [for environment in server.environments : can(regex("^[A-Za-z0-9][A-Za-z0-9 ._/-]{0,254}$", environment))]]))
    error_message = "environments are exact names of letters, digits, spaces and ._/- (a * would take environments that every user with write access can create, and without their approvals). Refused: ${join(", ", flatten([for name, server in var.servers : [for environment in server.environments : "${name} (\"${environment}\")" if !can(regex("^[A-Za-z0-9][A-Za-z0-9 ._/-]{0,254}$", environment))]]))}. Example: production"
  }

  validation {
    condition     = alltrue([for server in values(var.servers) : (server.owner_id == null) == (server.repository_id == null) && alltrue([for id in [server.owner_id, server.repository_id] : id == null || can(regex("^[0-9]+$", id))])])
    error_message = "owner_id and repository_id are numbers and come together. Refused: ${join(", ", [for name, server in var.servers : name if !((server.owner_id == null) == (server.repository_id == null) && alltrue([for id in [server.owner_id, server.repository_id] : id == null || can(regex("^[0-9]+$", id))]))])}. `gh api repos/OWNER/NAME --jq '.owner.id, .id'` prints them."
  }
}
