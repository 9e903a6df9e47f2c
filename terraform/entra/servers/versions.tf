terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 7.0"
    }
    azuread = {
      source  = "hashicorp/azuread"
      version = "~> 3.0"
    }
  }

  # Bucket, region and lock come from -backend-config=../environments/<environment>/backend.hcl.
  backend "s3" {
    key = "credvend/terraform/entra/servers.tfstate"
  }
}

provider "aws" {
  region = module.rules.aws_region

  default_tags {
    tags = module.rules.tags
  }
}

# Who manages the tenant: `az login`, or the ARM_… variables of the environment.
provider "azuread" {
  tenant_id = local.foundation.tenant_id
}
