mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  bucket_name = "example-logs"
}

run "private_encrypted_and_tls_only" {
  command = plan

  assert {
    condition = jsondecode(aws_s3_bucket_policy.this.policy).Statement[0] == {
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::example-logs", "arn:aws:s3:::example-logs/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }
    error_message = "Plain HTTP is not refused: ${aws_s3_bucket_policy.this.policy}"
  }

  assert {
    condition = jsondecode(aws_s3_bucket_policy.this.policy).Statement[1] == {
      Sid       = "NoCustomerProvidedKeys"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:PutObject"
      Resource  = "arn:aws:s3:::example-logs/*"
      Condition = { Null = { "s3:x-amz-server-side-encryption-customer-algorithm" = "false" } }
    }
    error_message = "A server could encrypt with a key nobody else has: ${aws_s3_bucket_policy.this.policy}"
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "The bucket could be made public."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "Without a key, S3's own encrypts."
  }

  assert {
    condition     = one(aws_s3_bucket_ownership_controls.this.rule).object_ownership == "BucketOwnerEnforced"
    error_message = "ACLs could be used."
  }

  assert {
    condition     = length(aws_s3_bucket_versioning.this) == 0 && length(aws_s3_bucket_lifecycle_configuration.this.rule) == 1
    error_message = "Versions and expiry are asked for by the caller."
  }

  assert {
    condition     = aws_s3_bucket.this.force_destroy == false
    error_message = "A destroy would delete objects nobody named."
  }

  assert {
    condition     = output.bucket_arn == "arn:aws:s3:::example-logs"
    error_message = output.bucket_arn
  }
}

run "versions_expiry_and_a_key" {
  command = plan

  variables {
    versioning      = true
    expiration_days = 10
    kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd"
  }

  assert {
    condition     = aws_s3_bucket_versioning.this[0].versioning_configuration[0].status == "Enabled"
    error_message = "Versioning is off."
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this.rule[1].expiration[0].days == 10
    error_message = "Objects do not expire."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).kms_master_key_id == "arn:aws:kms:eu-west-1:123456789012:key/1234abcd"
    error_message = "The key is not used."
  }
}

run "objects_are_deleted_only_by_name" {
  command = plan

  variables {
    destroy_objects_of = "example-logs"
  }

  assert {
    condition     = aws_s3_bucket.this.force_destroy
    error_message = "The bucket was named, and is not emptied."
  }
}

run "refuses_to_delete_another_buckets_objects" {
  command = plan
  variables {
    destroy_objects_of = "example-log"
  }
  expect_failures = [var.destroy_objects_of]
}

run "refuses_an_illegal_name" {
  command = plan
  variables {
    bucket_name = "Example.Logs"
  }
  expect_failures = [var.bucket_name]
}

run "refuses_half_a_day" {
  command = plan
  variables {
    expiration_days = 0.5
  }
  expect_failures = [var.expiration_days]
}
