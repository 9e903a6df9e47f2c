locals {
  # Which claim IAM's `aud` key holds depends on the token: where there is an `azp`, STS takes that for the audience,
  # looks it up among the provider's client ids and gives it to the key `aud`; the real `aud` is then the key `oaud`
  # (IAM User Guide, "Available keys for AWS OIDC federation"; seen with Entra v2 tokens in aws-sdk-net issue 3100).
  # So with an authorized party both values are taken for `aud`, and `oaud` holds the audience wherever it is set.
  equals = merge(
    { "${var.issuer_host}:aud" = concat(var.audiences, var.authorized_party[*]) },
    length(var.subjects) == 0 ? {} : { "${var.issuer_host}:sub" = var.subjects },
    { for claim, values in var.claims : "${var.issuer_host}:${claim}" => values },
  )

  conditions = {
    StringEquals         = local.equals
    StringEqualsIfExists = var.authorized_party == null ? {} : { "${var.issuer_host}:oaud" = var.audiences }
    StringLike           = length(var.subjects) > 0 ? {} : { "${var.issuer_host}:sub" = var.subject_patterns }
    StringNotLike        = { for claim, patterns in var.refused_claims : "${var.issuer_host}:${claim}" => patterns }
  }

  trust = {
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = var.provider_arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = { for operator, keys in local.conditions : operator => keys if length(keys) > 0 }
    }]
  }
}
