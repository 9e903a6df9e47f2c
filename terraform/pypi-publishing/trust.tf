# GitHub Actions as an identity provider, and the role that one repository's jobs assume.

# No thumbprint: IAM checks the issuer's certificate against its own trusted CAs.
resource "aws_iam_openid_connect_provider" "github" {
  count = var.existing_oidc_provider_arn == null ? 1 : 0

  url            = "https://${local.issuer_host}"
  client_id_list = [local.audience]
}

locals {
  issuer_host  = "token.actions.githubusercontent.com"
  audience     = "sts.amazonaws.com"
  provider_arn = coalesce(var.existing_oidc_provider_arn, one(aws_iam_openid_connect_provider.github[*].arn))

  # `sub` of a job: repo:OWNER/NAME:… of old; with the numbers, repo:OWNER@ID/NAME@ID:…, for repositories that were
  # created, renamed or moved after 2026-07-15.
  names = split("/", var.repository)
  repositories = concat(
    [var.repository],
    [for id in var.repository_id[*] : "${local.names[0]}@${var.repository_owner_id}/${local.names[1]}@${id}"],
  )
  context = join("", concat(
    [for name in var.github_environment[*] : "environment:${name}"],
    [for name in var.github_branch[*] : "ref:refs/heads/${name}"],
    [for name in var.github_tag[*] : "ref:refs/tags/${name}"],
  ))
  subjects = [for repository in local.repositories : "repo:${repository}:${local.context}"]
}

module "role" {
  source = "../modules/web-identity-role"

  role_name    = "${var.project}-pypi-publishing"
  description  = "GitHub Actions of ${var.repository} read the token of ${var.project}"
  provider_arn = local.provider_arn
  issuer_host  = local.issuer_host
  audiences    = [local.audience]
  # A tag may end in *, so tags are always compared as patterns.
  subjects         = var.github_tag == null ? local.subjects : []
  subject_patterns = var.github_tag == null ? [] : local.subjects
  # A name that its owner gives up can be taken over by somebody else, a number cannot. STS offers the claim as a
  # condition key since January 2026; it has none for repository_owner_id, which stands in `sub` alone.
  claims = { for id in var.repository_id[*] : "repository_id" => [id] }
  # A pull request's job in the environment has the environment's `sub` and a `ref` of its own.
  refused_claims           = { for name in var.github_environment[*] : "ref" => ["refs/pull/*"] }
  role_path                = var.role_path
  permissions_boundary_arn = var.permissions_boundary_arn
}

resource "aws_iam_role_policy" "read_token" {
  name   = "read-token"
  role   = module.role.role_name
  policy = jsonencode({ Version = "2012-10-17", Statement = local.read_statements })
}

locals {
  read_statements = concat(
    [{
      Effect   = "Allow"
      Action   = "secretsmanager:GetSecretValue"
      Resource = aws_secretsmanager_secret.token.arn
    }],
    [for key in var.kms_key_arn[*] : {
      Effect    = "Allow"
      Action    = "kms:Decrypt"
      Resource  = key
      Condition = local.through_secrets_manager
    }],
  )

  through_secrets_manager = { StringEquals = { "kms:ViaService" = "secretsmanager.${module.rules.aws_region}.${data.aws_partition.current.dns_suffix}" } }
}
