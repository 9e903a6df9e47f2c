variable "role_name" {
  description = "Name of the role."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_+=,.@-]{1,64}$", var.role_name))
    error_message = "role_name \"${var.role_name}\" is refused: IAM takes 1 to 64 letters, digits and _+=,.@- in a role's name. Example: credvend-server-web-01"
  }
}

variable "description" {
  description = "Description of the role, shown in the IAM console."
  type        = string
  default     = "Assumed with a web identity token (credvend)"
}

variable "provider_arn" {
  description = "ARN of the IAM OIDC provider whose tokens the role takes."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/.+$", var.provider_arn))
    error_message = "provider_arn \"${var.provider_arn}\" is not the ARN of an IAM OIDC provider. It looks like arn:aws:iam::123456789012:oidc-provider/idp.example.com."
  }
}

variable "issuer_host" {
  description = "The issuer without https://, exactly as the provider's URL has it: a slash at its end is part of it. Condition keys begin with it."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+(/[A-Za-z0-9._~/-]*)?$", var.issuer_host))
    error_message = "issuer_host \"${var.issuer_host}\" is refused: a host name and possibly a path, without https://, port, query or fragment. Examples: idp.example.com/tenant, example.eu.auth0.com/"
  }
}

variable "audiences" {
  description = "Values of the token's `aud` that the role takes."
  type        = list(string)

  validation {
    condition     = length(var.audiences) > 0 && alltrue([for audience in var.audiences : can(regex("^[^\\s*?$]{1,255}$", audience))])
    error_message = "audiences [${join(", ", var.audiences)}] is refused: at least one, each 1 to 255 characters without spaces, * or ? (an audience is compared as a whole) or $ (IAM would read a policy variable). Example: [\"https://credvend.example.com\"]"
  }
}

variable "authorized_party" {
  description = "Client id that the tokens carry as `azp`; null where the issuer's tokens have no `azp`."
  type        = string
  default     = null

  validation {
    condition     = var.authorized_party == null || can(regex("^[^\\s*?$]{1,255}$", coalesce(var.authorized_party, "-")))
    error_message = "authorized_party \"${coalesce(var.authorized_party, "null")}\" is refused: a client id of 1 to 255 characters without spaces, *, ? or $."
  }
}

variable "subjects" {
  description = "Values of the token's `sub` that may assume the role, exact. Either these or subject_patterns."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for subject in var.subjects : can(regex("^[^*?$]{1,255}$", subject))])
    error_message = "subjects [${join(", ", var.subjects)}] is refused: each is compared as a whole, so 1 to 255 characters without * or ?, and without $, which IAM would read as a policy variable. Example: [\"system:serviceaccount:logs:shipper\"]"
  }

  validation {
    condition     = (length(var.subjects) > 0) != (length(var.subject_patterns) > 0)
    error_message = "Exactly one of subjects (exact) and subject_patterns must be given: without a subject every token of the issuer for this audience would get the role, and of both only one could match."
  }
}

variable "subject_patterns" {
  description = "Patterns of the token's `sub`: exact text, or text that ends in one *."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for pattern in var.subject_patterns : can(regex("^[^*?$]{1,254}[^*?$:/]\\*?$", pattern))])
    error_message = "subject_patterns [${join(", ", var.subject_patterns)}] is refused: a * may stand at the end only, after a part of the last name (not after : or /, where it would take every name), and ? and $ nowhere. Example: [\"repo:example/app:ref:refs/tags/v*\"]"
  }
}

variable "claims" {
  description = "Further claims of the token that STS offers as condition keys for this issuer, and their values, exact. STS refuses the role to every token if it has no such key."
  type        = map(list(string))
  default     = {}

  validation {
    condition     = alltrue([for claim, values in var.claims : can(regex("^[a-z][a-z_]*$", claim)) && !contains(["aud", "oaud", "sub"], claim) && length(values) > 0 && alltrue([for value in values : can(regex("^[^*?$]{1,255}$", value))])])
    error_message = "claims {${join(", ", [for claim, values in var.claims : "${claim} = [${join(", ", values)}]"])}} is refused: each has a name of lower-case letters and _ other than aud, oaud and sub, which have variables of their own, and at least one value without *, ? and $. Example: { repository_id = [\"202\"] }"
  }
}

variable "refused_claims" {
  description = "Further claims of the token that STS offers as condition keys for this issuer, and patterns of values with which it is refused: exact text, or text that ends in one *. Where STS has no such key they refuse nothing."
  type        = map(list(string))
  default     = {}

  validation {
    condition     = alltrue([for claim, patterns in var.refused_claims : can(regex("^[a-z][a-z_]*$", claim)) && length(patterns) > 0 && alltrue([for pattern in patterns : can(regex("^[^*?$]{1,254}\\*?$", pattern))])])
    error_message = "refused_claims {${join(", ", [for claim, patterns in var.refused_claims : "${claim} = [${join(", ", patterns)}]"])}} is refused: each has a name of lower-case letters and _, and at least one value, in which a * may stand at the end only. Example: { ref = [\"refs/pull/*\"] }"
  }
}

variable "max_session_duration" {
  description = "Longest session in seconds, 3600 to 43200."
  type        = number
  default     = 3600

  validation {
    condition     = var.max_session_duration >= 3600 && var.max_session_duration <= 43200 && floor(var.max_session_duration) == var.max_session_duration
    error_message = "max_session_duration ${var.max_session_duration} is refused: 3600 to 43200 whole seconds (1 to 12 hours), which is IAM's range for a role. A shorter session is asked for when the role is assumed."
  }
}

variable "bucket_arn" {
  description = "ARN of the bucket that the role works in; null for a role whose policy the caller of this module attaches."
  type        = string
  default     = null

  validation {
    condition     = length([for value in [var.bucket_arn, var.s3_path_prefix, var.s3_permissions] : value if value == null]) % 3 == 0
    error_message = "bucket_arn, s3_path_prefix and s3_permissions come together, or not at all."
  }
}

variable "s3_path_prefix" {
  description = "Keys the role covers: everything below this prefix, which ends in \"/\". null without a bucket."
  type        = string
  default     = null
}

variable "s3_permissions" {
  description = "\"write\" (upload), \"read-write\" (also download) or \"full\" (also delete and list). null without a bucket."
  type        = string
  default     = null
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the bucket; null when none does."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the role, beside the provider's default tags."
  type        = map(string)
  default     = {}
}

variable "role_path" {
  description = "IAM path of the role; checked in terraform/modules/foundation-rules."
  type        = string
  default     = "/"
}

variable "permissions_boundary_arn" {
  description = "ARN of the policy that bounds the role; null for none."
  type        = string
  default     = null
}
