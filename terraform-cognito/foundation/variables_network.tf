variable "lambda_vpc" {
  description = "Subnets and security groups of the Lambda, for accounts whose functions must run in a VPC, and for issuers that are reached in one only. Its way to DynamoDB, STS and each issuer's keys (NAT, endpoints) must exist. null: no VPC."
  type = object({
    subnet_ids         = set(string)
    security_group_ids = set(string)
  })
  default = null

  validation {
    condition = var.lambda_vpc == null || (
      length(try(var.lambda_vpc.subnet_ids, [])) > 0 && alltrue([for id in try(var.lambda_vpc.subnet_ids, []) : can(regex("^subnet-[0-9a-f]+$", id))]) &&
      length(try(var.lambda_vpc.security_group_ids, [])) > 0 && alltrue([for id in try(var.lambda_vpc.security_group_ids, []) : can(regex("^sg-[0-9a-f]+$", id))])
    )
    error_message = "lambda_vpc needs one or more subnets and security groups, by their ids. Example: { subnet_ids = [\"subnet-0123456789abcdef0\"], security_group_ids = [\"sg-0123456789abcdef0\"] }"
  }
}

variable "lambda_layer_arns" {
  description = "Layers of the Lambda, at most five: for instance one that holds ca_bundle_path."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.lambda_layer_arns) <= 5 && alltrue([for arn in var.lambda_layer_arns : can(regex("^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:layer:[A-Za-z0-9_-]+:[0-9]+$", arn))])
    error_message = "lambda_layer_arns: at most five ARNs of layer versions, the number included. Example: [\"arn:aws:lambda:eu-west-1:123456789012:layer:company-ca:1\"]"
  }
}

variable "ca_bundle_path" {
  description = "File of certificate authorities (PEM) that the Lambda trusts beside its own, inside the function: a layer's files are below /opt. For issuers and proxies with a company's certificate. null: none."
  type        = string
  default     = null

  validation {
    condition     = var.ca_bundle_path == null || can(regex("^/(opt|var/task)/[A-Za-z0-9._/-]+$", var.ca_bundle_path))
    error_message = "ca_bundle_path \"${coalesce(var.ca_bundle_path, "null")}\" is refused: a file of the function lies below /opt (a layer) or /var/task (the package). Example: /opt/company-ca.pem"
  }
}

variable "lambda_environment" {
  description = "More environment variables of the Lambda: HTTPS_PROXY, NO_PROXY, AWS_USE_FIPS_ENDPOINT and others of docs/vending-api.md that have no variable here."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setintersection(keys(var.lambda_environment), ["COGNITO_ISSUER", "DYNAMODB_TABLE", "S3_BUCKET", "SESSION_DURATION_SECONDS", "SESSION_IDENTITY", "METRICS_NAMESPACE", "LOG_LEVEL", "REQUIRED_SCOPES", "ALLOWED_AUDIENCES", "RATE_LIMIT_PER_MINUTE", "AWS_CA_BUNDLE", "TRUSTED_ISSUERS"])) == 0
    error_message = "lambda_environment must not set what this configuration sets itself: ${join(", ", keys(var.lambda_environment))}. Use the variable of that name, or the resource it comes from."
  }
}
