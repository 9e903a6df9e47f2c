# Resources of the foundation layer, read from its state.

data "terraform_remote_state" "foundation" {
  backend = "s3"

  config = {
    bucket = module.rules.state_bucket
    region = module.rules.aws_region
    key    = "credvend/terraform/oidc/foundation.tfstate"
  }
}

locals {
  # A state keeps no outputs that are null.
  foundation = merge({ bucket_kms_key_arn = null, role_path = "/", permissions_boundary_arn = null }, data.terraform_remote_state.foundation.outputs)
}
