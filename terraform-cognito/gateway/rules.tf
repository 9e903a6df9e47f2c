module "rules" {
  source = "../../terraform/modules/layer-rules"

  aws_region   = var.aws_region
  state_bucket = var.state_bucket
  tags         = var.tags
  default_tags = local.foundation.tags
}
