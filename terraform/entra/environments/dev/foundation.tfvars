name        = "credvend-entra-dev"
environment = "dev"
aws_region  = "eu-west-1"
bucket_name = "credvend-entra-dev-123456789012"      # unique in all of AWS: put your account's number here
tenant_id   = "11111111-2222-3333-4444-555555555555" # put your tenant's id here: az account show --query tenantId

# Lets `terraform destroy` delete the objects in the bucket as well. Name the bucket once more:
# destroy_objects_of = "credvend-entra-dev-123456789012"

tags = {
  cost-center = "credvend-dev"
}
