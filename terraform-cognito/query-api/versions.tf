terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 7.0"
    }
  }

  # Bucket, region and lock come from -backend-config=../environments/<environment>/backend.hcl.
  backend "s3" {
    key = "credvend/terraform-cognito/query-api.tfstate"
  }
}

provider "aws" {
  region = module.rules.aws_region

  default_tags {
    tags = module.rules.tags
  }
}
