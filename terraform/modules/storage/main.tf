# The bucket of a deployment: its own, or one that exists.

module "bucket" {
  source = "../bucket"
  count  = var.bucket_name == null ? 0 : 1

  bucket_name        = var.bucket_name
  versioning         = var.environment == "prod"
  expiration_days    = var.environment == "dev" ? 10 : null
  kms_key_arn        = var.kms_key_arn
  destroy_objects_of = var.destroy_objects_of
}

# Read, not just named: a misspelt bucket is noticed by the plan.
data "aws_s3_bucket" "existing" {
  count = var.existing_bucket_name == null ? 0 : 1

  bucket = var.existing_bucket_name
}
