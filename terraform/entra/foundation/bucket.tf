module "storage" {
  source = "../../modules/storage"

  environment          = var.environment
  bucket_name          = var.bucket_name
  existing_bucket_name = var.existing_bucket_name
  destroy_objects_of   = var.destroy_objects_of
  kms_key_arn          = var.kms_key_arn
}
