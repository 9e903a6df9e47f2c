# Where Athena writes results: a bucket of this installation, or one that was there before and stays as it is.

module "bucket" {
  source = "../../terraform/modules/bucket"
  count  = module.rules.bucket_name == null ? 0 : 1

  bucket_name        = module.rules.bucket_name
  expiration_days    = var.results_expiration_days
  kms_key_arn        = local.kms_key_arn
  destroy_objects_of = module.rules.destroy_objects_of
}

# Reading it fails the plan, and not the first query, when the name is wrong.
data "aws_s3_bucket" "existing" {
  count = module.rules.existing_bucket_name == null ? 0 : 1

  bucket = module.rules.existing_bucket_name
}

locals {
  bucket_name        = module.rules.bucket_name == null ? data.aws_s3_bucket.existing[0].bucket : module.bucket[0].bucket_name
  bucket_arn         = "arn:${local.partition}:s3:::${coalesce(module.rules.bucket_name, module.rules.existing_bucket_name)}"
  bucket_kms_key_arn = module.rules.existing_bucket_name == null ? local.kms_key_arn : module.rules.kms_key_arn

  # The service puts each client's results into a folder of its own, named by the SourceIdentity of the client's sessions;
  # the roles let a session reach that folder alone. Without SourceIdentity only the service keeps clients apart.
  results_folder = "${var.results_prefix}client-creds-queries/${var.session_identity == "tags" ? "$${aws:SourceIdentity}" : "*"}"
}
