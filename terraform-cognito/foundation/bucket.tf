# Where the servers' objects go: a bucket of this installation, or one that was there before and stays as it is.

module "bucket" {
  source = "../../terraform/modules/bucket"
  count  = var.bucket_name == null ? 0 : 1

  bucket_name        = var.bucket_name
  versioning         = local.is_prod
  expiration_days    = local.is_prod ? null : 10
  kms_key_arn        = local.kms_key_arn
  destroy_objects_of = var.destroy_objects_of
}

# Reading it fails the plan, and not the servers' first upload, when the name is wrong.
data "aws_s3_bucket" "existing" {
  count = var.existing_bucket_name == null ? 0 : 1

  bucket = var.existing_bucket_name
}

locals {
  bucket_name        = one(concat(module.bucket[*].bucket_name, data.aws_s3_bucket.existing[*].bucket))
  bucket_arn         = one(concat(module.bucket[*].bucket_arn, data.aws_s3_bucket.existing[*].arn))
  bucket_kms_key_arn = var.existing_bucket_name == null ? local.kms_key_arn : var.existing_bucket_kms_key_arn
}
