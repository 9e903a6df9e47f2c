# What the foundation layer has made: the agents are app clients of the pool in which the servers are.

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
}
