# Permissions of a role in the bucket: the policy of a level, which the vending API's generated session policies and the
# local stack share. tests/cases/session-policy holds one golden document a level; all three are compared with it.

locals {
  objects_arn = "${var.bucket_arn}/${local.prefix}*"

  # An IAM policy variable in place of a prefix: each session of a shared role reaches the prefix of its own tag, and a
  # session without that tag reaches nothing, since a variable without a value matches nothing.
  prefix = var.s3_path_prefix == null ? "$${aws:PrincipalTag/s3_prefix}/" : var.s3_path_prefix

  objects = {
    Effect = "Allow"
    Action = concat(
      ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
      var.s3_permissions == "write" ? [] : ["s3:GetObject"],
      var.s3_permissions == "full" ? ["s3:DeleteObject"] : [],
    )
    Resource = local.objects_arn
  }

  # PutObject with a canned ACL needs PutObjectAcl, and Logstash always sends one. This one gives the bucket's owner
  # everything, and is the only one that a bucket without ACLs (BucketOwnerEnforced) accepts.
  acl = {
    Effect    = "Allow"
    Action    = "s3:PutObjectAcl"
    Resource  = local.objects_arn
    Condition = { StringEquals = { "s3:x-amz-acl" = "bucket-owner-full-control" } }
  }

  # ListBucket is an action on the bucket; only its `prefix` parameter tells one server's keys from another's.
  list = {
    Effect    = "Allow"
    Action    = "s3:ListBucket"
    Resource  = var.bucket_arn
    Condition = { StringLike = { "s3:prefix" = "${local.prefix}*" } }
  }

  # An upload in parts needs Decrypt beside GenerateDataKey: S3 reads the parts back when it joins them.
  key = {
    Effect    = "Allow"
    Action    = ["kms:GenerateDataKey", "kms:Decrypt"]
    Resource  = var.kms_key_arn
    Condition = { StringLike = { "kms:ViaService" = "s3.*" } }
  }

  # Pairs, and not a conditional expression, whose two sides would need one type.
  statements = [for pair in [
    [true, local.objects],
    [true, local.acl],
    [var.s3_permissions == "full", local.list],
    [var.kms_key_arn != null, local.key],
  ] : pair[1] if pair[0]]
}
