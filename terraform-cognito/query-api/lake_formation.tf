# What the two roles may see: grants on databases, tables and columns by name, or by LF-Tags. Who applies this must be a
# data lake administrator, or hold what it grants with the grant option.

locals {
  databases = var.databases == null ? { (var.database_name) = { grant = true, dev_tables = null, lf_tags = {} } } : var.databases
  granted   = { for name, database in local.databases : name => database if database.grant }

  database_permissions = { super = ["CREATE_TABLE", "DESCRIBE"], dev = ["DESCRIBE"] }
  table_permissions    = { super = ["ALTER", "DELETE", "DESCRIBE", "DROP", "INSERT", "SELECT"], dev = ["DESCRIBE", "SELECT"] }

  # Role and database, where the role gets every table.
  all_tables = merge([for name, database in local.granted : merge(
    { "super/${name}" = { role = "super", database = name } },
    database.dev_tables == null ? { "dev/${name}" = { role = "dev", database = name } } : {},
  )]...)

  # Tables that the dev role gets one by one, and of some not every column.
  dev_tables = merge([for name, database in local.granted : {
    for table, columns in coalesce(database.dev_tables, {}) : "${name}/${table}" => merge(columns, { database = name, table = table })
  }]...)

  # Role -> tag -> values, for the roles that have any.
  tag_expressions = { for role, expression in {
    super = { for key, tag in var.lf_tags : key => tag.super if length(tag.super) > 0 }
    dev   = { for key, tag in var.lf_tags : key => tag.dev if length(tag.dev) > 0 }
  } : role => expression if length(expression) > 0 }
}

resource "aws_lakeformation_permissions" "database" {
  for_each = merge([for role in keys(local.role_names) : { for name in keys(local.granted) : "${role}/${name}" => { role = role, database = name } }]...)

  principal   = aws_iam_role.lake_formation[each.value.role].arn
  permissions = local.database_permissions[each.value.role]

  database {
    name = each.value.database
  }
}

resource "aws_lakeformation_permissions" "tables" {
  for_each = local.all_tables

  principal   = aws_iam_role.lake_formation[each.value.role].arn
  permissions = local.table_permissions[each.value.role]

  table {
    database_name = each.value.database
    wildcard      = true
  }
}

resource "aws_lakeformation_permissions" "dev_table" {
  for_each = { for key, one in local.dev_tables : key => one if one.columns == null && one.excluded_columns == null }

  principal   = aws_iam_role.lake_formation["dev"].arn
  permissions = local.table_permissions.dev

  table {
    database_name = each.value.database
    name          = each.value.table
  }
}

# Lake Formation takes SELECT alone for columns; it lets the role describe them, too.
resource "aws_lakeformation_permissions" "dev_columns" {
  for_each = { for key, one in local.dev_tables : key => one if one.columns != null || one.excluded_columns != null }

  principal   = aws_iam_role.lake_formation["dev"].arn
  permissions = ["SELECT"]

  table_with_columns {
    database_name         = each.value.database
    name                  = each.value.table
    column_names          = each.value.columns
    wildcard              = each.value.columns == null ? true : null
    excluded_column_names = each.value.excluded_columns
  }
}

resource "aws_lakeformation_lf_tag" "this" {
  for_each = var.lf_tags

  key    = each.key
  values = each.value.values
}

resource "aws_lakeformation_resource_lf_tags" "database" {
  for_each = { for name, database in local.databases : name => database.lf_tags if length(database.lf_tags) > 0 }

  database {
    name = each.key
  }

  dynamic "lf_tag" {
    for_each = each.value

    content {
      key   = lf_tag.key
      value = lf_tag.value
    }
  }

  depends_on = [aws_lakeformation_lf_tag.this]
}

resource "aws_lakeformation_permissions" "tagged" {
  for_each = merge([for role in keys(local.tag_expressions) : { for type in ["DATABASE", "TABLE"] : "${role}/${type}" => { role = role, type = type } }]...)

  principal   = aws_iam_role.lake_formation[each.value.role].arn
  permissions = each.value.type == "DATABASE" ? local.database_permissions[each.value.role] : local.table_permissions[each.value.role]

  lf_tag_policy {
    resource_type = each.value.type

    dynamic "expression" {
      for_each = local.tag_expressions[each.value.role]

      content {
        key    = expression.key
        values = expression.value
      }
    }
  }

  depends_on = [aws_lakeformation_lf_tag.this]
}

# Lake Formation hands out data of registered locations only; what others have registered stays as it is.
resource "aws_lakeformation_resource" "data" {
  for_each = toset(var.register_data_locations ? var.data_location_arns : [])

  arn                     = each.value
  use_service_linked_role = true
}

# For CREATE TABLE and CTAS: a table's location must be one that its maker may use.
resource "aws_lakeformation_permissions" "data_location" {
  for_each = var.data_location_arns

  principal   = aws_iam_role.lake_formation["super"].arn
  permissions = ["DATA_LOCATION_ACCESS"]

  data_location {
    arn = each.value
  }

  depends_on = [aws_lakeformation_resource.data]
}
