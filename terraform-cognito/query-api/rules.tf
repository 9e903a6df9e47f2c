module "rules" {
  source = "../../terraform/modules/foundation-rules"

  name                     = var.name
  environment              = var.environment
  aws_region               = var.aws_region
  tags                     = var.tags
  bucket_name              = var.bucket_name
  existing_bucket_name     = var.existing_bucket_name
  destroy_objects_of       = var.destroy_objects_of
  kms_key_arn              = var.existing_bucket_kms_key_arn
  role_path                = var.role_path
  permissions_boundary_arn = var.permissions_boundary_arn
}
