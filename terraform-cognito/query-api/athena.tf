# The workgroup of every query. Its limit of scanned bytes holds whatever the caller says; the location of results is the
# caller's, which is the service, since that is how the results of two clients stay apart: the service does not start with
# a workgroup that overrides it or keeps results itself.

resource "aws_athena_workgroup" "this" {
  #checkov:skip=CKV_AWS_82:the service alone uses it, and says where results go
  #checkov:skip=CKV_AWS_159:the bucket of the results encrypts by default
  name          = local.prefix
  description   = "Queries of the query API ${local.prefix}"
  force_destroy = true # its history of queries is no data, and the results are in S3

  configuration {
    enforce_workgroup_configuration    = false
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.bytes_scanned_cutoff_per_query

    # The service reads statements as this engine does: another dialect is a decision, not an upgrade overnight.
    engine_version {
      selected_engine_version = "Athena engine version 3"
    }
  }
}
