module "rules" {
  source = "../modules/layer-rules"

  aws_region   = var.aws_region
  tags         = var.tags
  default_tags = { project = var.project }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  partition  = data.aws_partition.current.partition
  account_id = data.aws_caller_identity.current.account_id
}
