# What a role may do in the bucket. The levels are those of the vending API's generated session policies
# (vending-lambda/src/s3_prefix.rs): change both or neither.

locals {
  actions = concat(
    ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
    var.s3_permissions == "write" ? [] : ["s3:GetObject"],
    var.s3_permissions == "full" ? ["s3:DeleteObject"] : [],
  )

  objects = {
    Sid      = "Objects"
    Effect   = "Allow"
    Action   = local.actions
    Resource = "${var.bucket_arn}/${var.s3_path_prefix}*"
  }

  # ListBucket is an action on the bucket; only its `prefix` parameter tells one client's keys from another's.
  list = merge(
    { Sid = "List", Effect = "Allow", Action = "s3:ListBucket", Resource = var.bucket_arn },
    var.s3_path_prefix == "" ? {} : {
      Condition = { StringLike = { "s3:prefix" = ["${var.s3_path_prefix}*", var.s3_path_prefix] } }
    },
  )

  # An upload in parts needs Decrypt beside GenerateDataKey: S3 reads the parts back when it joins them.
  key = {
    Sid       = "Key"
    Effect    = "Allow"
    Action    = ["kms:GenerateDataKey", "kms:Decrypt"]
    Resource  = var.kms_key_arn
    Condition = { StringLike = { "kms:ViaService" = "s3.*" } }
  }

  # `if` instead of a conditional expression: its two sides would need one type.
  statements = [for statement in [local.objects, local.list, local.key] : statement
    if statement.Sid == "Objects"
    || (statement.Sid == "List" && var.s3_permissions == "full")
    || (statement.Sid == "Key" && var.kms_key_arn != null)
  ]
}
