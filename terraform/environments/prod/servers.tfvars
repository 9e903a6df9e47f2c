aws_region   = "eu-west-1"
state_bucket = "credvend-state-123456789012-prod" # `bucket` of backend.hcl

# Three lines add a server. What else can be said of one: `description` in servers/variables_servers.tf.
servers = {
  "web-01" = {
    s3_path_prefix = "logs/web-01/"
  }
  "web-02" = {
    s3_path_prefix = "logs/web-02/"
  }
}
