terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 7.0"
    }
    auth0 = {
      source  = "auth0/auth0"
      version = "~> 1.0"
    }
  }

  # Bucket, region and lock come from -backend-config=../environments/<environment>/backend.hcl.
  backend "s3" {
    key = "credvend/terraform/servers.tfstate"
  }
}

provider "aws" {
  region = module.rules.aws_region

  default_tags {
    tags = module.rules.tags
  }
}

# The application that manages the tenant comes from AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET of the environment.
provider "auth0" {
  domain = local.foundation.auth0_domain
}
