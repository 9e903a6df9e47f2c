output "role_names" {
  description = "Name of each server's role."
  value       = { for server in keys(var.servers) : server => "${var.name}-server-${server}" }
}
