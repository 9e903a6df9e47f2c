output "role_names" {
  description = "Name of each server's role."
  value       = { for server in keys(var.servers) : server => "${var.name}-server-${server}" }
}

output "duration_variables" {
  description = "The client's environment where a server's sessions are longer than STS's hour."
  value = { for name, server in var.servers : name => {
    for seconds in [server.max_session_duration] : "AWS_ROLE_DURATION_SECONDS" => tostring(seconds) if seconds > 3600
  } }
}
