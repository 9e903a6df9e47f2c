variable "database_name" {
  description = "Glue database that a query runs in unless it names another. It exists."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9_]{1,255}$", var.database_name))
    error_message = "database_name \"${var.database_name}\" is refused: 1 to 255 lower-case letters, digits and underscores. Example: analytics"
  }
}

variable "databases" {
  description = <<-EOT
    The Glue databases that the roles reach, by name; they exist. null: database_name, granted as a whole.
      grant       true (the default): Lake Formation grants by name, on the database and its tables. false: LF-Tags decide
      dev_tables  the tables of the dev role: columns (only these) or excluded_columns (all but these) of each, or {} for
                  the whole table; null (the default): every table
      lf_tags     LF-Tags put on the database, which its tables inherit: key = value
  EOT
  type = map(object({
    grant = optional(bool, true)
    dev_tables = optional(map(object({
      columns          = optional(set(string))
      excluded_columns = optional(set(string))
    })))
    lf_tags = optional(map(string), {})
  }))
  default = null

  validation {
    condition     = var.databases == null || alltrue([for name in keys(coalesce(var.databases, {})) : can(regex("^[a-z0-9_]{1,255}$", name))])
    error_message = "databases: a name consists of 1 to 255 lower-case letters, digits and underscores. Example: analytics"
  }

  validation {
    condition     = var.databases == null || contains(keys(coalesce(var.databases, {})), var.database_name)
    error_message = "databases must hold database_name (\"${var.database_name}\"), in which queries run: without it no query finds its tables. Example: databases = { \"${var.database_name}\" = {} }"
  }

  validation {
    condition = alltrue(flatten([for database in coalesce(var.databases, {}) : [
      for table in coalesce(database.dev_tables, {}) : table.columns == null || table.excluded_columns == null
    ]]))
    error_message = "databases: a table of dev_tables has columns or excluded_columns, not both. Example: dev_tables = { \"customers\" = { excluded_columns = [\"email\"] } }"
  }

  validation {
    condition = alltrue(flatten([for database in coalesce(var.databases, {}) : [
      for table in coalesce(database.dev_tables, {}) : length(coalesce(table.columns, ["any"])) > 0 && length(coalesce(table.excluded_columns, ["any"])) > 0
    ]]))
    error_message = "databases: an empty list of columns or excluded_columns would say the opposite of what it seems to; leave it out for the whole table. Example: dev_tables = { \"orders\" = {} }"
  }

  validation {
    condition = alltrue(flatten([for database in coalesce(var.databases, {}) : [
      for key, value in database.lf_tags : contains(keys(var.lf_tags), key) && contains(try(var.lf_tags[key].values, []), value)
    ]]))
    error_message = "databases: lf_tags names a key or value that lf_tags (the variable) does not have. Example: lf_tags = { \"sensitivity\" = { values = [\"public\", \"internal\"], dev = [\"public\"], super = [\"public\", \"internal\"] } }"
  }
}

variable "lf_tags" {
  description = <<-EOT
    LF-Tags by key, which are created here. Each role gets every database and table whose tags match all of its keys.
      values  all values the tag can have
      dev     those that the dev role gets
      super   those that the super role gets
  EOT
  type = map(object({
    values = set(string)
    dev    = optional(set(string), [])
    super  = optional(set(string), [])
  }))
  default = {}

  # Lake Formation keeps keys and values in lower case, and a plan would never be empty.
  validation {
    condition     = alltrue(flatten([for key, tag in var.lf_tags : [for text in concat([key], tolist(tag.values)) : can(regex("^[a-z0-9_.:/=+@-]{1,50}$", text))]]))
    error_message = "lf_tags: a key or value consists of 1 to 50 lower-case letters, digits and _.:/=+@-. Example: { \"sensitivity\" = { values = [\"public\", \"internal\"], dev = [\"public\"] } }"
  }

  validation {
    condition     = alltrue([for tag in var.lf_tags : length(tag.values) > 0 && length(setsubtract(setunion(tag.dev, tag.super), tag.values)) == 0])
    error_message = "lf_tags: dev and super name values of the tag, which has one or more. Example: { \"sensitivity\" = { values = [\"public\", \"internal\"], dev = [\"public\"] } }"
  }
}

variable "data_location_arns" {
  description = "S3 locations (ARNs of buckets or prefixes) in which the super role may make tables: CREATE TABLE, CTAS with a location of its own."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.data_location_arns : can(regex("^arn:aws[a-z-]*:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^*?]*)?$", arn))])
    error_message = "data_location_arns: each is the ARN of a bucket or of a prefix in one, without a pattern. Refused: ${join(", ", [for arn in var.data_location_arns : jsonencode(arn) if !can(regex("^arn:aws[a-z-]*:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^*?]*)?$", arn))])}. Example: arn:aws:s3:::example-data/tables"
  }
}

variable "register_data_locations" {
  description = "true: data_location_arns are registered with Lake Formation here (by its service-linked role), which ends access to them by way of Athena without a grant. false: they are registered already."
  type        = bool
  default     = false
}

variable "bytes_scanned_cutoff_per_query" {
  description = "Bytes that one query may scan before Athena cancels it. Athena bills US$ 5 a terabyte."
  type        = number
  default     = 107374182400 # 100 GiB

  validation {
    condition     = var.bytes_scanned_cutoff_per_query >= 10485760 && floor(var.bytes_scanned_cutoff_per_query) == var.bytes_scanned_cutoff_per_query
    error_message = "bytes_scanned_cutoff_per_query must be a whole number of bytes, at least 10485760 (10 MB, Athena's bound). Example: 107374182400"
  }
}
