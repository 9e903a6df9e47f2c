# The issuer as an identity provider of the AWS account.

locals {
  # IAM compares the issuer with the provider's URL as it is: a slash at its end stays in the URL, in the provider's ARN
  # and in front of the colon of the condition keys.
  issuer_host = trimprefix(local.foundation.issuer, "https://")

  # STS looks up a token's `azp`, where it has one, among the provider's client ids, else its `aud`
  # (modules/web-identity-role/trust.tf): so both are on the list.
  oidc_client_ids = distinct(concat(local.foundation.audiences, [for server in values(var.servers) : server.client_id if server.client_id != null]))

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
      error_message = "The IAM OIDC provider would need ${length(local.oidc_client_ids)} client ids; IAM takes 100, audiences included. Larger fleets get their credentials from the vending API (terraform-cognito), or are spread over several issuers."
    }
  }
}
