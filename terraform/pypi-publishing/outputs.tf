# These three names are what repositories of earlier installations keep among their Actions secrets.

output "AWS_ROLE_ARN" {
  description = "ARN of the role that the workflow assumes."
  value       = module.role.role_arn
}

output "AWS_SECRET_NAME" {
  description = "Name of the secret that holds the token."
  value       = aws_secretsmanager_secret.token.name
}

output "AWS_REGION" {
  description = "Region of the secret."
  value       = module.rules.aws_region
}

output "staged_secret_name" {
  description = "Name of the secret in which a new token waits for its rotation."
  value       = aws_secretsmanager_secret.next.name
}

output "oidc_provider_arn" {
  description = "ARN of the IAM OIDC provider of GitHub Actions."
  value       = local.provider_arn
}

output "oidc_provider_made_here" {
  description = "Whether this state owns the OIDC provider, which other roles of the account may use as well."
  value       = length(aws_iam_openid_connect_provider.github) == 1
}

output "rotation_function_arn" {
  description = "ARN of the rotation function; null without one."
  value       = one(aws_lambda_function.rotation[*].arn)
}

output "trust_policy" {
  description = "The role's trust policy, as JSON: who may read the token."
  value       = module.role.trust_policy
}
