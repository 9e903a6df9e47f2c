aws_region     = "eu-west-1"
state_bucket   = "credvend-state-123456789012-prod" # `bucket` of backend.hcl
api_identifier = "https://api.example.com"

# Three lines add an agent.
agents = {
  "reporter" = {
    scopes = ["read"]
  }
}
