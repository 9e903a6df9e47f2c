# The tenant as an identity provider of the AWS account.

locals {
  issuer_host = "login.microsoftonline.com/${local.foundation.tenant_id}/v2.0"

  # STS looks up a token's `azp`, where it has one, among the provider's client ids, else its `aud`
  # (modules/web-identity-role/trust.tf): so both are on the list.
  oidc_client_ids = concat([local.foundation.api_client_id], [for name in sort(keys(module.server)) : module.server[name].client_id])

  oidc_provider_arn = coalesce(var.existing_oidc_provider_arn, one(aws_iam_openid_connect_provider.this[*].arn))
}

# No thumbprint: IAM checks the issuer's certificate against its own trusted CAs.
resource "aws_iam_openid_connect_provider" "this" {
  count = var.existing_oidc_provider_arn == null ? 1 : 0

  url            = "https://${local.issuer_host}"
  client_id_list = concat(local.oidc_client_ids, var.other_client_ids)

  lifecycle {
    precondition {
      condition     = length(concat(local.oidc_client_ids, var.other_client_ids)) <= 100
      error_message = "The IAM OIDC provider would need ${length(local.oidc_client_ids)} client ids; IAM takes 100, audiences included. Larger fleets get their credentials from the vending API (terraform-cognito), or are spread over several accounts."
    }
  }
}
