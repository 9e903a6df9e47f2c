name        = "credvend-entra-prod"
environment = "prod"
aws_region  = "eu-west-1"
bucket_name = "credvend-entra-prod-123456789012"     # unique in all of AWS: put your account's number here
tenant_id   = "11111111-2222-3333-4444-555555555555" # put your tenant's id here: az account show --query tenantId

tags = {
  cost-center = "credvend-prod"
}
