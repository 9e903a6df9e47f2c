# Where the state of this environment lies. scripts/bootstrap-state makes the bucket and writes this file; the account
# number here is a placeholder.
bucket       = "credvend-state-123456789012-prod"
region       = "eu-west-1"
use_lockfile = true
