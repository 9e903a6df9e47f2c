# What the foundation layer has made.

data "terraform_remote_state" "foundation" {
  backend = "s3"

  config = {
    bucket = var.state_bucket
    region = var.aws_region
    key    = "credvend/terraform/github/foundation.tfstate"
  }
}

locals {
  foundation = data.terraform_remote_state.foundation.outputs
}
