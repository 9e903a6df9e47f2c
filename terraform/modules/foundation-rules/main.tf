module "layer" {
  source = "../layer-rules"

  aws_region   = var.aws_region
  tags         = var.tags
  default_tags = { project = "credvend", environment = var.environment }
}
