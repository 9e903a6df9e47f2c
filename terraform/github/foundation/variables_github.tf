variable "github_audience" {
  description = "Audience (`aud`) of the jobs' tokens."
  type        = string
  default     = "sts.amazonaws.com"

  validation {
    condition     = can(regex("^[A-Za-z0-9:/._~-]{1,255}$", var.github_audience))
    error_message = "github_audience \"${var.github_audience}\" is refused: 1 to 255 letters, digits and :/._~-. Example: sts.amazonaws.com"
  }
}
