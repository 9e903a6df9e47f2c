name           = "credvend-auth0-dev"
environment    = "dev"
aws_region     = "eu-west-1"
bucket_name    = "credvend-auth0-dev-123456789012" # unique in all of AWS: put your account's number here
auth0_domain   = "example.eu.auth0.com"            # put your tenant's domain here
auth0_audience = "https://credvend-dev.example.com"

# Lets `terraform destroy` delete the objects in the bucket as well. Name the bucket once more:
# destroy_objects_of = "credvend-auth0-dev-123456789012"

tags = {
  cost-center = "credvend-dev"
}
