name        = "credvend-github-dev"
environment = "dev"
aws_region  = "eu-west-1"
bucket_name = "credvend-github-dev-123456789012" # unique in all of AWS: put your account's number here

# Lets `terraform destroy` delete the objects in the bucket as well. Name the bucket once more:
# destroy_objects_of = "credvend-github-dev-123456789012"

tags = {
  cost-center = "credvend-dev"
}
