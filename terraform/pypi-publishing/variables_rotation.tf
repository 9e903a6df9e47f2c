variable "rotation_zip" {
  description = "Path of the rotation function's package. null: no function is made, and a token is replaced by hand."
  type        = string
  default     = null

  validation {
    condition     = var.rotation_zip == null || try(fileexists(var.rotation_zip), false)
    error_message = "There is no package at rotation_zip \"${coalesce(var.rotation_zip, "null")}\". Build it first, in the root of the repository, and name the zip file."
  }
}

variable "rotation_architecture" {
  description = "\"arm64\" or \"x86_64\": what the package was built for."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.rotation_architecture)
    error_message = "rotation_architecture \"${var.rotation_architecture}\" is unknown. Allowed are \"arm64\" and \"x86_64\"."
  }
}

variable "index_upload_url" {
  description = "Upload URL of the index, at which the rotation function tries a new token; the secret's `repository` must be the same then. null: the secret alone says it."
  type        = string
  default     = null

  validation {
    condition     = var.index_upload_url == null || can(regex("^https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~%+,:@/-]*)?$", var.index_upload_url))
    error_message = "index_upload_url \"${coalesce(var.index_upload_url, "null")}\" is refused: an https URL without user, password and query, since tokens are sent there. Example: https://upload.pypi.org/legacy/"
  }
}

variable "index_username" {
  description = "User name with which the index takes tokens. null: __token__, as PyPI has it."
  type        = string
  default     = null

  validation {
    condition     = var.index_username == null || can(regex("^[!-9;-~]{1,128}$", var.index_username))
    error_message = "index_username \"${coalesce(var.index_username, "null")}\" is refused: visible ASCII without a colon. Example: __token__"
  }
}

variable "rotation_schedule" {
  description = "When Secrets Manager starts a rotation by itself: \"rate(90 days)\" or a cron expression. A rotation for which no token is staged fails and changes nothing. null: a rotation is started by hand."
  type        = string
  default     = null

  validation {
    condition     = var.rotation_schedule == null || can(regex("^(rate\\([1-9][0-9]* (hours|days)\\)|cron\\([A-Za-z0-9 *?,/#-]+\\))$", var.rotation_schedule))
    error_message = "rotation_schedule \"${coalesce(var.rotation_schedule, "null")}\" is refused: rate(90 days), or a cron expression of Secrets Manager such as cron(0 8 1 * ? *)."
  }

  validation {
    condition     = var.rotation_schedule == null || var.rotation_zip != null
    error_message = "rotation_schedule needs the rotation function: name its package in rotation_zip."
  }
}

variable "alarm_topic_arn" {
  description = "ARN of the SNS topic that is told of a failed rotation. null: the alarm is seen in CloudWatch alone."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic_arn == null || can(regex("^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\\.fifo)?$", var.alarm_topic_arn))
    error_message = "alarm_topic_arn \"${coalesce(var.alarm_topic_arn, "null")}\" is not the ARN of an SNS topic. Example: arn:aws:sns:eu-west-1:123456789012:on-call"
  }

  validation {
    condition     = var.alarm_topic_arn == null || var.rotation_zip != null
    error_message = "alarm_topic_arn needs the rotation function: name its package in rotation_zip."
  }
}

variable "log_retention_days" {
  description = "For how many days the rotation function's log is kept."
  type        = number
  default     = 90

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days ${var.log_retention_days} is refused: CloudWatch Logs takes 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731 and further whole years."
  }
}
