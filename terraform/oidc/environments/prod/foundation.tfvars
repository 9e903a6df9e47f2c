name        = "credvend-oidc-prod"
environment = "prod"
aws_region  = "eu-west-1"
bucket_name = "credvend-oidc-prod-123456789012"        # unique in all of AWS: put your account's number here
issuer_url  = "https://idp.example.com/realms/servers" # put your issuer here, exactly as its tokens' iss
audiences   = ["credvend-prod"]

tags = {
  cost-center = "credvend-prod"
}
