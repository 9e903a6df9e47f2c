# The token, and the next one while it waits for its rotation. Terraform makes the secrets and never their values, so that
# no token is in its state: scripts/deploy-pypi-publishing writes {"token", "repository", "package"} into the first.

resource "aws_secretsmanager_secret" "token" {
  #checkov:skip=CKV2_AWS_57:an index has no API that makes tokens, so a rotation waits for the one that a person stages
  name                    = "${var.project}/pypi-token"
  description             = "Upload token of ${var.project}, as {\"token\", \"repository\", \"package\"}"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.secret_recovery_days
}

resource "aws_secretsmanager_secret" "next" {
  #checkov:skip=CKV2_AWS_57:what rotates is the other secret; this one holds its next value
  name                    = "${var.project}/pypi-token/next"
  description             = "The staged token of ${var.project}, which the next rotation takes"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.secret_recovery_days
}
