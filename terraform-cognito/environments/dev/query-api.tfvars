name           = "credvend-dev"
environment    = "dev"
aws_region     = "eu-west-1"
bucket_name    = "credvend-dev-123456789012-query-results" # unique in all of AWS: put your account's number here
cognito_domain = "credvend-dev-123456789012-query"         # unique in the region: put your account's number here
database_name  = "analytics"                               # a Glue database that exists

# Lets `terraform destroy` delete the results in the bucket as well. Name the bucket once more:
# destroy_objects_of = "credvend-dev-123456789012-query-results"

log_retention_days = 14

# Nobody is woken for a test.
alarms = {
  denials = {}
}

tags = {
  cost-center = "credvend-dev"
}
