variable "lambda_architecture" {
  description = "\"arm64\" (a fifth cheaper) or \"x86_64\"."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.lambda_architecture)
    error_message = "lambda_architecture \"${var.lambda_architecture}\" is unknown. Allowed are \"arm64\" and \"x86_64\"."
  }
}

variable "lambda_zip" {
  description = "Path of the Lambda's package. null: where scripts/build-lambda puts it for lambda_architecture."
  type        = string
  default     = null
}

variable "lambda_memory_mb" {
  description = "Memory of the Lambda in MB; its share of CPU grows with it."
  type        = number
  default     = 256

  validation {
    condition     = var.lambda_memory_mb >= 128 && var.lambda_memory_mb <= 10240 && floor(var.lambda_memory_mb) == var.lambda_memory_mb
    error_message = "lambda_memory_mb must be a whole number from 128 to 10240 (Lambda's bounds). Example: 256"
  }
}

variable "lambda_timeout_seconds" {
  description = "Seconds after which a request is given up. The service stops waiting for Athena 3 s before it, and responds with the query's id."
  type        = number
  default     = 29

  validation {
    condition     = var.lambda_timeout_seconds >= 10 && var.lambda_timeout_seconds <= 30 && floor(var.lambda_timeout_seconds) == var.lambda_timeout_seconds
    error_message = "lambda_timeout_seconds must be a whole number from 10 to 30 (an HTTP API waits no longer). Example: 29"
  }
}

variable "lambda_reserved_concurrency" {
  description = "Concurrent executions set aside for the Lambda, which are its most as well; 0 stops it. A query that is waited for takes one. null: it shares the account's. An account keeps at least 10 for its other functions, and a new account has 10 in all, so it can reserve none before its quota is raised."
  type        = number
  default     = null

  validation {
    condition     = var.lambda_reserved_concurrency == null || coalesce(var.lambda_reserved_concurrency, 0) >= 0
    error_message = "lambda_reserved_concurrency must be 0 (stops all queries) or more, or null to share the account's concurrency. Example: 20"
  }
}

variable "lambda_environment" {
  description = "More environment variables of the Lambda: TRUSTED_ISSUERS, ALLOWED_AUDIENCES, REQUIRED_SCOPES, HTTPS_PROXY and others of docs/query-api.md that have no variable here."
  type        = map(string)
  default     = {}

  validation {
    condition = length(setintersection(keys(var.lambda_environment), [
      "COGNITO_ISSUER", "DATABASE_NAME", "ATHENA_OUTPUT_BUCKET", "ATHENA_WORKGROUP", "QUERY_RESOURCE_SERVER", "LF_SUPER_ROLE_ARN", "LF_DEV_ROLE_ARN",
      "SESSION_DURATION_SECONDS", "SESSION_IDENTITY", "METRICS_NAMESPACE", "LOG_LEVEL", "ROLE_MAPPINGS_TABLE", "RATE_LIMIT_PER_MINUTE",
    ])) == 0
    error_message = "lambda_environment must not set what this configuration sets itself: ${join(", ", keys(var.lambda_environment))}. Use the variable of that name, or the resource it comes from."
  }
}

variable "session_duration_seconds" {
  description = "Lifetime of the sessions that queries run in. Athena reads with it as long as a query runs."
  type        = number
  default     = 3600

  validation {
    condition     = var.session_duration_seconds >= 900 && var.session_duration_seconds <= 3600 && floor(var.session_duration_seconds) == var.session_duration_seconds
    error_message = "session_duration_seconds must be a whole number from 900 to 3600: a Lambda's AssumeRole is role chaining, which STS ends after one hour whatever the role's own maximum. Example: 3600"
  }
}

variable "session_identity" {
  description = "\"tags\": sessions carry SourceIdentity and tags from verified claims, and the roles let each client reach its own results alone. \"name\": only the session's name, for an account whose policies forbid source identities."
  type        = string
  default     = "tags"

  validation {
    condition     = contains(["tags", "name"], var.session_identity)
    error_message = "session_identity \"${var.session_identity}\" is unknown. Allowed are \"tags\" and \"name\"."
  }
}

variable "rate_limit_per_minute" {
  description = "Requests a minute and client, counted by each instance of the Lambda. null: no limit."
  type        = number
  default     = null

  validation {
    condition     = var.rate_limit_per_minute == null || (coalesce(var.rate_limit_per_minute, 1) >= 1 && coalesce(var.rate_limit_per_minute, 1) <= 1000000 && floor(coalesce(var.rate_limit_per_minute, 1)) == coalesce(var.rate_limit_per_minute, 1))
    error_message = "rate_limit_per_minute must be a whole number from 1 to 1000000, or null for no limit. Example: 60"
  }
}

variable "log_level" {
  description = "Least severity of diagnostic lines. Audit lines are always written."
  type        = string
  default     = "info"

  validation {
    condition     = contains(["error", "warn", "info", "debug"], var.log_level)
    error_message = "log_level \"${var.log_level}\" is unknown. Allowed are error, warn, info and debug."
  }
}

variable "api_throttling" {
  description = "Requests a second that the API passes on in total (rate), and how many may come at once (burst). Further ones get 429."
  type = object({
    rate  = optional(number, 20)
    burst = optional(number, 40)
  })
  default = {}

  validation {
    condition     = var.api_throttling.rate >= 1 && var.api_throttling.burst >= 1 && floor(var.api_throttling.burst) == var.api_throttling.burst
    error_message = "api_throttling: rate (requests a second) and burst (a whole number of requests) must be at least 1; 0 would refuse everything. Example: { rate = 20, burst = 40 }"
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
  description = "CloudWatch namespace of the service's metrics, which alarms and dashboard read. null: <name>-query, so that two installations in one account and region are apart."
  type        = string
  default     = null

  validation {
    condition     = var.metrics_namespace == null || (can(regex("^[A-Za-z0-9._/#:-]{1,255}$", var.metrics_namespace)) && !startswith(coalesce(var.metrics_namespace, "-"), "AWS/"))
    error_message = "metrics_namespace \"${coalesce(var.metrics_namespace, "null")}\" is refused: 1 to 255 letters, digits and ._/#:- (CloudWatch's rule), and not AWS/…, which is AWS's own. Example: credvend-query-prod"
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
    lambda_errors: runs that crashed or timed out. throttles: runs Lambda refused.
    jwks_refetches: fetches of signing keys. scanned_gigabytes_per_day: gigabytes that all queries of a day scan.
  EOT
  type = object({
    denials = optional(map(number), {
      client_disabled       = 10
      client_expired        = 10
      client_not_registered = 10
      insufficient_scope    = 10
      invalid_token         = 10
      not_your_query        = 5
      permission_denied     = 20
      rate_limited          = 50
      source_not_allowed    = 5
      statement_not_allowed = 20
    })
    errors = optional(map(number), {
      internal_error      = 1
      keys_unavailable    = 5
      mapping_unavailable = 5
      misconfigured       = 1
      query_unavailable   = 5
      role_not_assumable  = 5
      sts_unavailable     = 5
    })
    lambda_errors             = optional(number, 1)
    throttles                 = optional(number, 1)
    jwks_refetches            = optional(number, 100)
    scanned_gigabytes_per_day = optional(number, 1000)
  })
  default = {}

  validation {
    condition     = length(setsubtract(concat(keys(var.alarms.denials), keys(var.alarms.errors)), local.codes)) == 0
    error_message = "alarms: denials or errors names a code that the query API does not have: ${join(", ", setsubtract(concat(keys(var.alarms.denials), keys(var.alarms.errors)), local.codes))}. Codes: ${join(", ", local.codes)}."
  }

  validation {
    condition = alltrue([for threshold in concat(
      values(var.alarms.denials), values(var.alarms.errors),
      [var.alarms.lambda_errors, var.alarms.throttles, var.alarms.jwks_refetches, var.alarms.scanned_gigabytes_per_day],
    ) : threshold >= 0])
    error_message = "alarms: a threshold is a count (or gigabytes), or 0 to switch the alarm off. Example: { denials = { invalid_token = 50 }, throttles = 0 }"
  }
}
