variable "api_throttling" {
  description = "Requests a second that the API passes on in total (rate), and how many may come at once (burst). Further ones get 429, which the client retries."
  type = object({
    rate  = optional(number, 100)
    burst = optional(number, 200)
  })
  default = {}

  validation {
    condition     = var.api_throttling.rate >= 1 && var.api_throttling.burst >= 1 && floor(var.api_throttling.burst) == var.api_throttling.burst
    error_message = "api_throttling: rate (requests a second) and burst (a whole number of requests) must be at least 1; 0 would refuse everything. Example: { rate = 100, burst = 200 }"
  }
}

variable "api_custom_domain" {
  description = "A host of your own for the vending API: its ACM certificate in aws_region, and optionally the Route 53 zone in which to make the record. The API's own address is switched off then."
  type = object({
    domain_name     = string
    certificate_arn = string
    hosted_zone_id  = optional(string)
  })
  default = null

  validation {
    condition     = var.api_custom_domain == null || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.api_custom_domain.domain_name))
    error_message = "api_custom_domain.domain_name must be a host name, without https:// and path. Example: credentials.example.com"
  }

  validation {
    condition     = var.api_custom_domain == null || can(regex("^arn:aws[a-z-]*:acm:${var.aws_region}:[0-9]{12}:certificate/.+$", var.api_custom_domain.certificate_arn))
    error_message = "api_custom_domain.certificate_arn must be the ARN of an ACM certificate in aws_region (${var.aws_region}): an HTTP API takes none from another region. Example: arn:aws:acm:${var.aws_region}:123456789012:certificate/1234abcd-12ab-34cd-56ef-1234567890ab"
  }
}

variable "log_retention_days" {
  description = "Days after which log lines, audit lines among them, are deleted. 0: never."
  type        = number
  default     = 90

  validation {
    condition     = contains([0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days ${var.log_retention_days} is not a period CloudWatch Logs knows: 0 (for ever), 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the service's metrics, which alarms and dashboard read. null: `name`, so that two installations in one account and region are apart."
  type        = string
  default     = null

  validation {
    condition     = var.metrics_namespace == null || (can(regex("^[A-Za-z0-9._/#:-]{1,255}$", var.metrics_namespace)) && !startswith(coalesce(var.metrics_namespace, "-"), "AWS/"))
    error_message = "metrics_namespace \"${coalesce(var.metrics_namespace, "null")}\" is refused: 1 to 255 letters, digits and ._/#:- (CloudWatch's rule), and not AWS/…, which is AWS's own. Example: credvend-prod"
  }
}

variable "alarm_topic_arns" {
  description = "SNS topics that are told when an alarm goes off and when it is over. Empty: alarms are seen in CloudWatch only."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.alarm_topic_arns : can(regex("^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", arn))])
    error_message = "alarm_topic_arns: each must be the ARN of an SNS topic (no FIFO topic: alarms cannot use one). Example: arn:aws:sns:eu-west-1:123456789012:on-call"
  }
}

variable "alarms" {
  description = <<-EOT
    How much is too much within 5 minutes; 0 switches an alarm off.
    denials, errors: count by the code in the audit line and in the response.
    lambda_errors: runs that crashed or timed out. throttles: runs Lambda refused. latency_p99_ms: 99 % of the responses come within.
    jwks_refetches: fetches of signing keys. no_vends_hours: whole hours (1 to 24) without a single vend; off unless set.
  EOT
  type = object({
    denials = optional(map(number), {
      client_disabled       = 10
      client_expired        = 10
      client_not_registered = 10
      insufficient_scope    = 10
      invalid_token         = 10
      rate_limited          = 50
      source_not_allowed    = 5
    })
    errors = optional(map(number), {
      internal_error      = 1
      keys_unavailable    = 5
      mapping_unavailable = 5
      misconfigured       = 1
      role_not_assumable  = 5
      sts_unavailable     = 5
    })
    lambda_errors  = optional(number, 1)
    throttles      = optional(number, 1)
    latency_p99_ms = optional(number, 2000)
    jwks_refetches = optional(number, 100)
    no_vends_hours = optional(number, 0)
  })
  default = {}

  validation {
    condition = length(setsubtract(keys(var.alarms.denials), [
      "client_disabled", "client_expired", "client_not_registered", "insufficient_scope", "invalid_request", "invalid_token",
      "method_not_allowed", "not_found", "rate_limited", "request_too_large", "source_not_allowed", "unsupported_media_type",
    ])) == 0
    error_message = "alarms.denials names a code that the vending API never denies with. Codes: client_disabled, client_expired, client_not_registered, insufficient_scope, invalid_request, invalid_token, method_not_allowed, not_found, rate_limited, request_too_large, source_not_allowed, unsupported_media_type."
  }

  validation {
    condition = length(setsubtract(keys(var.alarms.errors), [
      "internal_error", "keys_unavailable", "mapping_unavailable", "misconfigured", "role_not_assumable", "sts_unavailable",
    ])) == 0
    error_message = "alarms.errors names a code that the vending API never fails with. Codes: internal_error, keys_unavailable, mapping_unavailable, misconfigured, role_not_assumable, sts_unavailable."
  }

  validation {
    condition = alltrue([for threshold in concat(
      values(var.alarms.denials), values(var.alarms.errors),
      [var.alarms.lambda_errors, var.alarms.throttles, var.alarms.latency_p99_ms, var.alarms.jwks_refetches],
    ) : threshold >= 0])
    error_message = "alarms: a threshold is a count (or milliseconds) from 1 on, or 0 to switch the alarm off. Example: { denials = { invalid_token = 50 }, throttles = 0 }"
  }

  validation {
    condition     = var.alarms.no_vends_hours >= 0 && var.alarms.no_vends_hours <= 24 && floor(var.alarms.no_vends_hours) == var.alarms.no_vends_hours
    error_message = "alarms.no_vends_hours must be a whole number from 1 to 24, or 0 for no such alarm (servers that upload rarely are no fault). Example: 3"
  }
}
