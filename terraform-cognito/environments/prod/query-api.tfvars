name           = "credvend-prod"
environment    = "prod"
aws_region     = "eu-west-1"
bucket_name    = "credvend-prod-123456789012-query-results" # unique in all of AWS: put your account's number here
cognito_domain = "credvend-prod-123456789012-query"         # unique in the region: put your account's number here
database_name  = "analytics"                                # a Glue database that exists

log_retention_days = 365
kms_key            = "create"

# lambda_reserved_concurrency = 20 # a new account's quota is 10, of which none can be reserved: ask for more first
# alarm_topic_arns            = ["arn:aws:sns:eu-west-1:123456789012:on-call"]

tags = {
  cost-center = "credvend-prod"
}
