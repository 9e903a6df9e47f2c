aws_region   = "eu-west-1"
state_bucket = "credvend-state-123456789012-prod" # `bucket` of backend.hcl

# A few lines add a role. What else can be said of one: `description` in servers/variables_servers.tf.
servers = {
  "app-main" = {
    repository     = "example-corp/app"
    branches       = ["main"]
    s3_path_prefix = "builds/app/"
  }
  "app-production" = {
    repository     = "example-corp/app"
    environments   = ["production"]
    s3_path_prefix = "releases/app/"
  }
}
