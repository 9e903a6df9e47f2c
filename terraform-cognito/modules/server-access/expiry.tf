# Seconds since 1970 of var.expires_at. Terraform has no function for it, so days are counted in years that begin in
# March: the leap day is the last of its year then, and the months before it have the same lengths every year.

locals {
  expires_at = one([for time in regexall("^(\\d+)-(\\d+)-(\\d+)T(\\d+):(\\d+):(\\d+)Z$", coalesce(var.expires_at, "never")) :
    86400 * (
      365 * local.march_year + floor(local.march_year / 4) - floor(local.march_year / 100) + floor(local.march_year / 400)
      + floor((153 * local.march_month + 2) / 5) + time[2] - 1
      # Days from 0000-03-01 to 1970-01-01.
      -719468
    ) + 3600 * time[3] + 60 * time[4] + time[5]
  ])

  # January and February belong to the year before, as its months 10 and 11; March is month 0.
  expiry_month = tonumber(formatdate("M", coalesce(var.expires_at, "1970-01-01T00:00:00Z")))
  expiry_year  = tonumber(formatdate("YYYY", coalesce(var.expires_at, "1970-01-01T00:00:00Z")))
  march_month  = (local.expiry_month + 9) % 12
  march_year   = local.expiry_month < 3 ? local.expiry_year - 1 : local.expiry_year
}
