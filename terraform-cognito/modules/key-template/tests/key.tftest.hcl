variables {
  name        = "credvend"
  environment = "prod"
  purpose     = "logs"
  log_groups  = ["/aws/lambda/a", "/aws/apigateway/a"]
  partition   = "aws-cn"
  dns_suffix  = "amazonaws.com.cn"
  account_id  = "123456789012"
  aws_region  = "cn-north-1"
}

run "the_logs_of_this_installation_alone" {
  command = plan

  assert {
    condition = [for statement in jsondecode(output.template_body).Resources.Key.Properties.KeyPolicy.Statement : {
      who = statement.Principal, which = try(statement.Condition.ArnEquals["kms:EncryptionContext:aws:logs:arn"], null)
      }] == [
      { who = { AWS = "arn:aws-cn:iam::123456789012:root" }, which = null },
      { who = { Service = "logs.cn-north-1.amazonaws.com.cn" }, which = ["arn:aws-cn:logs:cn-north-1:123456789012:log-group:/aws/lambda/a", "arn:aws-cn:logs:cn-north-1:123456789012:log-group:/aws/apigateway/a"] },
    ]
    error_message = output.template_body
  }

  assert {
    condition     = jsondecode(output.template_body).Resources.Key.Properties.EnableKeyRotation
    error_message = "The key is never rotated."
  }
}

run "prods_key_stays" {
  command = plan

  assert {
    condition     = jsondecode(output.template_body).Resources.Key.DeletionPolicy == "Retain"
    error_message = "The audit trail would be unreadable."
  }
}

run "devs_key_goes" {
  command = plan

  variables {
    environment = "dev"
  }

  assert {
    condition     = jsondecode(output.template_body).Resources.Key.DeletionPolicy == "Delete" && jsondecode(output.template_body).Description == "KMS key of credvend (dev)"
    error_message = "A destroyed dev leaves a key that costs money."
  }
}
