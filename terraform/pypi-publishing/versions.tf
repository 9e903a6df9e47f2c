terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 7.0"
    }
  }

  # Bucket, region, lock and key come from -backend-config: a state for each project (scripts/deploy-pypi-publishing).
  backend "s3" {}
}

provider "aws" {
  region = module.rules.aws_region

  default_tags {
    tags = module.rules.tags
  }
}
