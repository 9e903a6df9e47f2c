name        = "credvend-github-prod"
environment = "prod"
aws_region  = "eu-west-1"
bucket_name = "credvend-github-prod-123456789012" # unique in all of AWS: put your account's number here

tags = {
  cost-center = "credvend-prod"
}
