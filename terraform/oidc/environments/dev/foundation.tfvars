name        = "credvend-oidc-dev"
environment = "dev"
aws_region  = "eu-west-1"
bucket_name = "credvend-oidc-dev-123456789012"         # unique in all of AWS: put your account's number here
issuer_url  = "https://idp.example.com/realms/servers" # put your issuer here, exactly as its tokens' iss
audiences   = ["credvend-dev"]

# Lets `terraform destroy` delete the objects in the bucket as well. Name the bucket once more:
# destroy_objects_of = "credvend-oidc-dev-123456789012"

tags = {
  cost-center = "credvend-dev"
}
