module "storage" {
  source = "../../modules/storage"

  environment          = module.rules.environment
  bucket_name          = module.rules.bucket_name
  existing_bucket_name = module.rules.existing_bucket_name
  destroy_objects_of   = module.rules.destroy_objects_of
  kms_key_arn          = module.rules.kms_key_arn
}
