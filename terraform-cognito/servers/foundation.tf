# Resources of the foundation layer, read from its state.

data "terraform_remote_state" "foundation" {
  backend = "s3"

  config = {
    bucket = module.rules.state_bucket
    region = module.rules.aws_region
    key    = "credvend/terraform-cognito/foundation.tfstate"
  }
}

locals {
  foundation = data.terraform_remote_state.foundation.outputs
  name       = local.foundation.name

  # A state keeps no output that is null.
  bucket_kms_key_arn       = try(local.foundation.bucket_kms_key_arn, null)
  permissions_boundary_arn = try(local.foundation.permissions_boundary_arn, null)
}
