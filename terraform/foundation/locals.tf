locals {
  tags = merge(var.tags, { project = "credvend", environment = var.environment })
}
