# GitHub Actions as an identity provider of the AWS account.

# No thumbprint: IAM checks the issuer's certificate against its own trusted CAs.
resource "aws_iam_openid_connect_provider" "this" {
  count = var.existing_oidc_provider_arn == null ? 1 : 0

  url            = "https://token.actions.githubusercontent.com"
  client_id_list = [var.github_audience]
}
