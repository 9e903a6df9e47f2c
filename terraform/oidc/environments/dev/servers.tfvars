aws_region   = "eu-west-1"
state_bucket = "credvend-state-123456789012-dev" # `bucket` of backend.hcl

# A few lines add a role. What else can be said of one: `description` in servers/variables_servers.tf.
servers = {
  "web-01" = {
    subject        = "system:serviceaccount:logs:web-01"
    s3_path_prefix = "logs/web-01/"
  }
  "web-02" = {
    subject        = "system:serviceaccount:logs:web-02"
    s3_path_prefix = "logs/web-02/"
  }
}
