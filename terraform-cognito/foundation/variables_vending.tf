variable "lambda_architecture" {
  description = "\"arm64\" (a fifth cheaper) or \"x86_64\"."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.lambda_architecture)
    error_message = "lambda_architecture \"${var.lambda_architecture}\" is unknown. Allowed are \"arm64\" and \"x86_64\"."
  }
}

variable "lambda_zip" {
  description = "Path of the Lambda's package. null: where scripts/build-lambda puts it for lambda_architecture."
  type        = string
  default     = null
}

variable "lambda_memory_mb" {
  description = "Memory of the Lambda in MB; its share of CPU grows with it."
  type        = number
  default     = 256

  validation {
    condition     = var.lambda_memory_mb >= 128 && var.lambda_memory_mb <= 10240 && floor(var.lambda_memory_mb) == var.lambda_memory_mb
    error_message = "lambda_memory_mb must be a whole number from 128 to 10240 (Lambda's bounds). Example: 256"
  }
}

variable "lambda_timeout_seconds" {
  description = "Seconds after which a request is given up. It holds a key fetch, a read of the table and an AssumeRole."
  type        = number
  default     = 15

  validation {
    condition     = var.lambda_timeout_seconds >= 5 && var.lambda_timeout_seconds <= 30
    error_message = "lambda_timeout_seconds must lie between 5 (a key fetch alone may take 3) and 30 (an HTTP API waits no longer). Example: 15"
  }
}

variable "lambda_reserved_concurrency" {
  description = "Concurrent executions set aside for the Lambda, which are its most as well; 0 stops it. null: it shares the account's. An account keeps at least 10 for its other functions, and a new account has 10 in all, so it can reserve none before its quota is raised."
  type        = number
  default     = null

  validation {
    condition     = var.lambda_reserved_concurrency == null || coalesce(var.lambda_reserved_concurrency, 0) >= 0
    error_message = "lambda_reserved_concurrency must be 0 (stops all vending) or more, or null to share the account's concurrency. Example: 20"
  }
}

variable "session_duration_seconds" {
  description = "Lifetime of vended credentials in seconds, for servers that set none."
  type        = number
  default     = 3600

  validation {
    condition     = var.session_duration_seconds >= 900 && var.session_duration_seconds <= 3600 && floor(var.session_duration_seconds) == var.session_duration_seconds
    error_message = "session_duration_seconds must be a whole number from 900 to 3600: a Lambda's AssumeRole is role chaining, which STS ends after one hour whatever the role's own maximum. Example: 3600"
  }
}

variable "session_identity" {
  description = "\"tags\": sessions carry SourceIdentity and the tags client_id and server_name, from verified claims. \"name\": only the session's name, for roles whose trust policy allows sts:AssumeRole alone."
  type        = string
  default     = "tags"

  validation {
    condition     = contains(["tags", "name"], var.session_identity)
    error_message = "session_identity \"${var.session_identity}\" is unknown. Allowed are \"tags\" and \"name\" (for roles whose trust policy allows sts:AssumeRole alone)."
  }
}

variable "log_level" {
  description = "Least severity of diagnostic lines. Audit lines are always written."
  type        = string
  default     = "info"

  validation {
    condition     = contains(["error", "warn", "info", "debug"], var.log_level)
    error_message = "log_level \"${var.log_level}\" is unknown. Allowed are error, warn, info and debug."
  }
}

variable "required_scopes" {
  description = "Scopes, by their full names, of which every token must hold all."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for scope in var.required_scopes : can(regex("^[!#-\\[\\]-~]+$", scope))])
    error_message = "required_scopes: a scope is printable ASCII without spaces, one element each. Example: [\"credvend/write\"]"
  }
}

variable "allowed_audiences" {
  description = "A token that carries `aud` must name one of these. Cognito's tokens of this kind carry none unless a trigger adds it."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for audience in var.allowed_audiences : can(regex("^\\S+$", audience))])
    error_message = "allowed_audiences: an audience must not be empty or hold spaces, one element each. Example: [\"https://api.example.com\"]"
  }
}

variable "rate_limit_per_minute" {
  description = "Vends a minute and client, counted by each instance of the Lambda. null: no limit."
  type        = number
  default     = null

  validation {
    condition     = var.rate_limit_per_minute == null || (coalesce(var.rate_limit_per_minute, 1) >= 1 && coalesce(var.rate_limit_per_minute, 1) <= 1000000 && floor(coalesce(var.rate_limit_per_minute, 1)) == coalesce(var.rate_limit_per_minute, 1))
    error_message = "rate_limit_per_minute must be a whole number from 1 to 1000000, or null for no limit. Example: 60"
  }
}

variable "failure_limit_per_minute" {
  description = "Tokens a minute and source address that may be refused before more of them are answered 429, counted by each instance of the Lambda. null: the service's own 60."
  type        = number
  default     = null

  validation {
    condition     = var.failure_limit_per_minute == null || (coalesce(var.failure_limit_per_minute, 1) >= 1 && coalesce(var.failure_limit_per_minute, 1) <= 1000000 && floor(coalesce(var.failure_limit_per_minute, 1)) == coalesce(var.failure_limit_per_minute, 1))
    error_message = "failure_limit_per_minute must be a whole number from 1 to 1000000, or null for 60. Example: 600"
  }
}

variable "vend_cache_seconds" {
  description = "Seconds for which an instance of the Lambda hands the same credentials to equal requests. null: every request gets credentials of its own."
  type        = number
  default     = null

  validation {
    condition     = var.vend_cache_seconds == null || (coalesce(var.vend_cache_seconds, 1) >= 1 && coalesce(var.vend_cache_seconds, 1) <= 300 && floor(coalesce(var.vend_cache_seconds, 1)) == coalesce(var.vend_cache_seconds, 1))
    error_message = "vend_cache_seconds must be a whole number from 1 to 300, or null for no cache. Example: 30"
  }
}

variable "observe_rules" {
  description = "Rules of items of the table that are put on record and not enforced, each with the items' keys: client ids, or scope#SCOPE. For items that the servers layer makes, their own observe says the same."
  type = object({
    allowed_scopes = optional(set(string), [])
    expires_at     = optional(set(string), [])
    source_cidrs   = optional(set(string), [])
  })
  default = {}

  validation {
    condition     = alltrue([for keys in var.observe_rules : !contains(keys, "")])
    error_message = "observe_rules: the key of an item is a client id or scope#SCOPE, and none of them is empty. Example: { source_cidrs = [\"6h0example1client\"] }"
  }
}

variable "trusted_issuers" {
  description = "Issuers beside this pool whose tokens are accepted: issuer (its URL, byte for byte the token's `iss`), jwks_uri, kind (\"oidc\" or \"cognito\"), audiences (oidc needs one), client_claim, accept_user_tokens (true: whoever can log in there gets what the table has for the token's client_claim and scopes), algorithms, scope_claims (the claims that hold scopes), max_token_lifetime_seconds, jwks (a fixed key set as JSON: nothing is fetched). Their clients are rows of the table that the servers layer does not make."
  type = list(object({
    issuer       = string
    jwks_uri     = optional(string)
    kind         = optional(string, "oidc")
    audiences    = optional(list(string))
    client_claim = optional(string)
    # Beside a client_claim: no evidence of the client's own grant is asked for.
    accept_user_tokens = optional(bool)
    algorithms         = optional(list(string))
    scope_claims       = optional(list(string))
    # More than a day only where the issuer's tokens live longer.
    max_token_lifetime_seconds = optional(number)
    jwks                       = optional(string)
  }))
  default = []

  validation {
    condition     = alltrue([for trusted in var.trusted_issuers : can(regex("^https://[^/\\s]+", trusted.issuer)) && (trusted.jwks_uri == null || can(regex("^https://[^/\\s]+/", trusted.jwks_uri)))])
    error_message = "trusted_issuers: issuer and jwks_uri must be https URLs. Example: { issuer = \"https://idp.example.com\", audiences = [\"credvend\"] }"
  }

  validation {
    condition     = alltrue([for trusted in var.trusted_issuers : contains(["oidc", "cognito"], trusted.kind)])
    error_message = "trusted_issuers: kind must be \"oidc\" or \"cognito\"."
  }

  validation {
    condition     = alltrue([for trusted in var.trusted_issuers : trusted.kind == "cognito" || length(coalesce(trusted.audiences, [])) > 0 || length(var.allowed_audiences) > 0])
    error_message = "trusted_issuers: an oidc issuer needs audiences (or allowed_audiences for all), else a token it made for somebody else would be accepted here. Example: audiences = [\"credvend\"]"
  }

  validation {
    condition     = alltrue([for trusted in var.trusted_issuers : length(setsubtract(coalesce(trusted.algorithms, []), ["RS256", "RS384", "RS512", "PS256", "ES256"])) == 0])
    error_message = "trusted_issuers: algorithms can be RS256 (the default), RS384, RS512, PS256 and ES256. Symmetric ones and \"none\" are never accepted."
  }

  validation {
    condition     = alltrue([for trusted in var.trusted_issuers : trusted.jwks == null || (trusted.jwks_uri == null && try(length(jsondecode(trusted.jwks).keys) > 0, false))])
    error_message = "trusted_issuers: jwks is a JSON document with one or more keys, in place of jwks_uri. Example: jwks = file(\"idp-keys.json\")"
  }

  validation {
    condition     = alltrue([for trusted in var.trusted_issuers : length(coalesce(trusted.scope_claims, ["scope"])) > 0 && coalesce(trusted.max_token_lifetime_seconds, 3600) >= 60 && coalesce(trusted.max_token_lifetime_seconds, 3600) <= 2592000])
    error_message = "trusted_issuers: scope_claims names one or more claims, and max_token_lifetime_seconds is 60 to 2592000 (30 days). Example: scope_claims = [\"roles\"]"
  }

  validation {
    condition     = alltrue([for trusted in var.trusted_issuers : trusted.client_claim != null || !coalesce(trusted.accept_user_tokens, false)])
    error_message = "trusted_issuers: accept_user_tokens needs a client_claim, the claim that names the client. Example: client_claim = \"azp\""
  }

  validation {
    condition     = alltrue([for trusted in var.trusted_issuers : trusted.kind == "oidc" || (trusted.client_claim == null && trusted.scope_claims == null)])
    error_message = "trusted_issuers: client_claim and scope_claims are for oidc issuers: Cognito's tokens have client_id and scope."
  }

  validation {
    condition     = length(distinct(var.trusted_issuers[*].issuer)) == length(var.trusted_issuers)
    error_message = "trusted_issuers: an issuer is listed twice."
  }
}
