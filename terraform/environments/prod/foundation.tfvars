name           = "credvend-auth0-prod"
environment    = "prod"
aws_region     = "eu-west-1"
bucket_name    = "credvend-auth0-prod-123456789012" # unique in all of AWS: put your account's number here
auth0_domain   = "example.eu.auth0.com"             # put your tenant's domain here
auth0_audience = "https://credvend-prod.example.com"

tags = {
  cost-center = "credvend-prod"
}
