# Rules for every server beyond the types of var.servers: names, prefixes, overlaps and durations.
module "server_rules" {
  source = "../../modules/server-rules"

  name    = local.foundation.name
  servers = var.servers
}

locals {
  # `sub` of a job: repo:OWNER/NAME:… of old; with the numbers, repo:OWNER@ID/NAME@ID:…, for repositories that were
  # created, renamed or moved after 2026-07-15. A name can be taken over by somebody else, a number cannot.
  repositories = { for name, server in var.servers : name => concat(
    server.numbers_only ? [] : [server.repository],
    server.owner_id == null ? [] : [format("%s@%s/%s@%s", split("/", server.repository)[0], server.owner_id, split("/", server.repository)[1], server.repository_id)],
  ) }

  contexts = { for name, server in var.servers : name => concat(
    [for branch in server.branches : "ref:refs/heads/${branch}"],
    [for tag in server.tags : "ref:refs/tags/${tag}"],
    [for environment in server.environments : "environment:${environment}"],
  ) }

  subjects = { for name in keys(var.servers) : name => [
    for pair in setproduct(local.repositories[name], local.contexts[name]) : "repo:${pair[0]}:${pair[1]}"
  ] }

  # One operator for all of a role's subjects: IAM combines several with "and".
  has_pattern = { for name, subjects in local.subjects : name => anytrue([for subject in subjects : endswith(subject, "*")]) }
}

module "role" {
  source   = "../../modules/web-identity-role"
  for_each = var.servers

  role_name                = module.server_rules.role_names[each.key]
  description              = "credvend: GitHub Actions of ${each.value.repository}"
  provider_arn             = local.foundation.oidc_provider_arn
  issuer_host              = "token.actions.githubusercontent.com"
  audiences                = [local.foundation.github_audience]
  subjects                 = local.has_pattern[each.key] ? [] : local.subjects[each.key]
  subject_patterns         = local.has_pattern[each.key] ? local.subjects[each.key] : []
  max_session_duration     = each.value.max_session_duration
  role_path                = local.foundation.role_path
  permissions_boundary_arn = local.foundation.permissions_boundary_arn
  tags                     = module.rules.server_tags[each.key]
  bucket_arn               = local.foundation.bucket_arn
  kms_key_arn              = local.foundation.bucket_kms_key_arn
  s3_path_prefix           = each.value.s3_path_prefix
  s3_permissions           = each.value.s3_permissions
}
