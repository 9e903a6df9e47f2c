variable "cognito_domain" {
  description = "Prefix of the token endpoint's host: <prefix>.auth.<region>.amazoncognito.com (GovCloud: auth-fips). Unique in the region. Either this or cognito_custom_domain."
  type        = string
  default     = null

  validation {
    condition     = (var.cognito_domain == null) != (var.cognito_custom_domain == null)
    error_message = "Set exactly one of cognito_domain (a prefix under amazoncognito.com) and cognito_custom_domain (a host of your own). Example: cognito_domain = \"example-corp-credvend\""
  }

  validation {
    condition     = var.cognito_domain == null || can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.cognito_domain))
    error_message = "cognito_domain \"${coalesce(var.cognito_domain, "null")}\" is refused: it is one label of a host name, 1 to 63 lower-case letters, digits and hyphens, without dots. Example: example-corp-credvend"
  }

  validation {
    condition     = !can(regex("aws|amazon|cognito", var.cognito_domain))
    error_message = "cognito_domain \"${coalesce(var.cognito_domain, "null")}\" holds \"aws\", \"amazon\" or \"cognito\", which Cognito reserves. Example: example-corp-credvend"
  }
}

variable "cognito_custom_domain" {
  description = "A host of your own for the token endpoint: its ACM certificate, which Cognito wants in us-east-1, and optionally the Route 53 zone in which to make the record. The parent domain must resolve."
  type = object({
    domain_name     = string
    certificate_arn = string
    hosted_zone_id  = optional(string)
  })
  default = null

  validation {
    condition     = var.cognito_custom_domain == null || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.cognito_custom_domain.domain_name))
    error_message = "cognito_custom_domain.domain_name must be a host name, without https:// and path. Example: auth.example.com"
  }

  validation {
    condition     = var.cognito_custom_domain == null || can(regex("^arn:aws[a-z-]*:acm:us-east-1:[0-9]{12}:certificate/.+$", var.cognito_custom_domain.certificate_arn))
    error_message = "cognito_custom_domain.certificate_arn must be the ARN of an ACM certificate in us-east-1, whatever the pool's region: Cognito serves custom domains through CloudFront. Example: arn:aws:acm:us-east-1:123456789012:certificate/1234abcd-12ab-34cd-56ef-1234567890ab"
  }
}

variable "cognito_issuer_host" {
  description = "Host of the pool's issuer, where it is not cognito-idp.<region>.amazonaws.com: a pool whose issuer was updated (UpdateUserPool, IssuerConfiguration) has issuer-cognito-idp.<region>.amazonaws.com. null: the pool's own endpoint."
  type        = string
  default     = null

  validation {
    condition     = var.cognito_issuer_host == null || can(regex("^(issuer-)?cognito-idp(-fips)?\\.[a-z0-9-]+\\.(amazonaws\\.(com|com\\.cn|eu)|api\\.aws)$", var.cognito_issuer_host))
    error_message = "cognito_issuer_host \"${coalesce(var.cognito_issuer_host, "null")}\" is not a host of Cognito's issuers (no https://, no pool): a wrong one would have the service trust somebody else's keys. Example: issuer-cognito-idp.eu-west-1.amazonaws.com"
  }
}

variable "resource_server_identifier" {
  description = "Identifier of the resource server; scopes are named <identifier>/write and so on."
  type        = string
  default     = "credvend"

  # RFC 6749 §3.3: a scope is printable ASCII without space, quote and backslash. Cognito puts a "/" before its own part.
  validation {
    condition     = can(regex("^[!#-\\[\\]-~]{1,200}$", var.resource_server_identifier)) && !endswith(var.resource_server_identifier, "/")
    error_message = "resource_server_identifier \"${var.resource_server_identifier}\" is refused: 1 to 200 printable ASCII characters without space, quote and backslash, and no \"/\" at its end. Example: credvend"
  }
}

variable "waf_token_rate_limit" {
  description = "Requests per 5 minutes and source address to Cognito's token endpoint before AWS WAF blocks the address; null: no WAF. AWS WAF cannot be attached to an HTTP API: the vending API has api_throttling instead. On the token endpoint the rule saves money (tokens are billed) and keeps one broken server from using up the pool's quota."
  type        = number
  default     = null

  validation {
    condition     = var.waf_token_rate_limit == null || (coalesce(var.waf_token_rate_limit, 10) >= 10 && coalesce(var.waf_token_rate_limit, 10) <= 2000000000 && floor(coalesce(var.waf_token_rate_limit, 10)) == coalesce(var.waf_token_rate_limit, 10))
    error_message = "waf_token_rate_limit must be a whole number from 10 to 2000000000 (AWS WAF's bounds; requests per 5 minutes and address), or null for no WAF. Example: 300"
  }
}
