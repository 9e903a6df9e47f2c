# The roles that queries run as: `super` for clients with query.write or query.admin, `dev` for those with query.read. IAM
# lets them ask; Lake Formation (lake_formation.tf) decides which databases, tables and columns they get. Neither has a
# permission on the data's buckets: Lake Formation hands out access to registered locations (lakeformation:GetDataAccess).

module "trust" {
  source = "../modules/function-trust"

  sid                 = "Assume"
  lambda_role_arn     = aws_iam_role.lambda.arn
  lambda_function_arn = local.function_arn
}

resource "aws_iam_role" "lake_formation" {
  for_each = local.role_names

  name                 = each.value
  path                 = module.rules.role_path
  permissions_boundary = module.rules.permissions_boundary_arn
  description          = "Queries of the query API ${local.prefix}: ${each.key}"
  assume_role_policy   = module.trust.policy_json
  # A Lambda's AssumeRole is role chaining, which STS ends after one hour: more would never be used.
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "lake_formation" {
  for_each = local.role_policies

  name   = "query"
  role   = aws_iam_role.lake_formation[each.key].name
  policy = jsonencode(each.value)
}

locals {
  # With LF-Tags, which databases there are is Lake Formation's to say.
  glue_databases = length(var.lf_tags) > 0 ? ["*"] : sort(keys(local.databases))
  glue_resources = concat(
    ["${local.catalog_arn}:catalog"],
    [for name in local.glue_databases : "${local.catalog_arn}:database/${name}"],
    [for name in local.glue_databases : "${local.catalog_arn}:table/${name}/*"],
  )

  read_statements = concat(
    [
      {
        Sid      = "Athena"
        Action   = ["athena:GetQueryExecution", "athena:GetQueryResults", "athena:StartQueryExecution", "athena:StopQueryExecution"]
        Resource = [local.workgroup_arn]
      },
      {
        Sid    = "Catalog"
        Action = ["glue:BatchGetPartition", "glue:GetDatabase", "glue:GetDatabases", "glue:GetPartition", "glue:GetPartitions", "glue:GetTable", "glue:GetTables"]
        # Athena looks at the database `default` whatever the statement names (Athena user guide, "Access to databases and tables").
        Resource = distinct(concat(local.glue_resources, ["${local.catalog_arn}:database/default"]))
      },
      # The action has no resource; what comes out of it is bounded by the grants.
      {
        Sid      = "Data"
        Action   = ["lakeformation:GetDataAccess"]
        Resource = ["*"]
      },
      {
        Sid      = "Results"
        Action   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
        Resource = ["${local.bucket_arn}/${local.results_folder}/*"]
      },
      {
        Sid      = "ResultsBucket"
        Action   = ["s3:GetBucketLocation"]
        Resource = [local.bucket_arn]
      },
      {
        Sid       = "ResultsListing"
        Action    = ["s3:ListBucket"]
        Resource  = [local.bucket_arn]
        Condition = { StringLike = { "s3:prefix" = ["${local.results_folder}/*"] } }
      },
    ],
    [for arn in local.has_bucket_key ? [local.bucket_kms_key_arn] : [] : {
      Sid       = "ResultsKey"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = [arn]
      Condition = { StringEquals = { "kms:ViaService" = "s3.${module.rules.aws_region}.${data.aws_partition.current.dns_suffix}" } }
    }],
  )

  change_statements = [{
    Sid = "CatalogChanges"
    Action = [
      "glue:BatchCreatePartition", "glue:BatchDeletePartition", "glue:BatchDeleteTable", "glue:BatchUpdatePartition",
      "glue:CreatePartition", "glue:CreateTable", "glue:DeletePartition", "glue:DeleteTable", "glue:UpdatePartition", "glue:UpdateTable",
    ]
    Resource = local.glue_resources
  }]

  # Whether there is a key must be known before it exists.
  has_bucket_key = module.rules.existing_bucket_name == null ? var.kms_key != "none" : module.rules.kms_key_arn != null

  role_policies = { for kind, statements in {
    super = concat(local.read_statements, local.change_statements)
    dev   = local.read_statements
    } : kind => {
    Version   = "2012-10-17"
    Statement = [for statement in statements : merge({ Effect = "Allow" }, statement)]
  } }
}
