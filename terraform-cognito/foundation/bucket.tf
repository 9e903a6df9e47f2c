# Where the servers' objects go: a bucket of this installation, or one that was there before and stays as it is.

module "bucket" {
  source = "../../terraform/modules/bucket"
  count  = module.rules.bucket_name == null ? 0 : 1

  bucket_name        = module.rules.bucket_name
  versioning         = local.is_prod
  expiration_days    = local.is_prod ? null : 10
  kms_key_arn        = local.kms_key_arn
  destroy_objects_of = module.rules.destroy_objects_of
}

# Reading it fails the plan, and not the servers' first upload, when the name is wrong.
data "aws_s3_bucket" "existing" {
  count = module.rules.existing_bucket_name == null ? 0 : 1

  bucket = module.rules.existing_bucket_name
}

locals {
  # By their index, not by a splat: that would wait for the whole module, and the lifecycle rules alone take a minute.
  bucket_name        = module.rules.bucket_name == null ? data.aws_s3_bucket.existing[0].bucket : module.bucket[0].bucket_name
  bucket_arn         = module.rules.bucket_name == null ? data.aws_s3_bucket.existing[0].arn : module.bucket[0].bucket_arn
  bucket_kms_key_arn = module.rules.existing_bucket_name == null ? local.kms_key_arn : module.rules.kms_key_arn
}
