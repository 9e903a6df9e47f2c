# Who may read the token.

variable "repository" {
  description = "The one repository whose jobs may read the token: \"owner/name\", in the spelling that GitHub shows."
  type        = string

  validation {
    condition     = !can(regex("[*?]", var.repository))
    error_message = "repository \"${var.repository}\" is refused: it must be one repository, without * or ?. Every user who may create a repository whose name fits would get the token, with any workflow they like. Example: example-corp/lib"
  }

  validation {
    condition     = can(regex("[*?]", var.repository)) || can(regex("^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$", var.repository))
    error_message = "repository \"${var.repository}\" is refused: it is \"owner/name\", as in its URL after github.com/. Example: example-corp/lib"
  }
}

variable "repository_id" {
  description = "GitHub's number of the repository; only tokens that carry it are taken then. Needed for repositories created, renamed or moved after 2026-07-15. `gh api repos/OWNER/NAME --jq '.owner.id, .id'` prints both numbers."
  type        = string
  default     = null

  validation {
    condition     = (var.repository_id == null) == (var.repository_owner_id == null)
    error_message = "repository_id and repository_owner_id come together: since 2026-07-15 a token carries both or none in its subject. `gh api repos/OWNER/NAME --jq '.owner.id, .id'` prints them."
  }

  validation {
    condition     = alltrue([for id in [var.repository_id, var.repository_owner_id] : id == null || can(regex("^[1-9][0-9]{0,18}$", id))])
    error_message = "repository_id \"${coalesce(var.repository_id, "null")}\" and repository_owner_id \"${coalesce(var.repository_owner_id, "null")}\": both are numbers. `gh api repos/OWNER/NAME --jq '.owner.id, .id'` prints them, the owner's first."
  }
}

variable "repository_owner_id" {
  description = "GitHub's number of the repository's owner. See repository_id."
  type        = string
  default     = null
}

variable "github_environment" {
  description = "Name of the GitHub environment whose jobs may read the token. Exactly one of github_environment, github_branch and github_tag. Prefer this one: an environment can ask for a review, and limit the branches and tags that reach it."
  type        = string
  default     = null

  validation {
    condition     = length([for value in [var.github_environment, var.github_branch, var.github_tag] : value if value != null]) == 1
    error_message = "Exactly one of github_environment, github_branch and github_tag must be given: with none the role would trust any branch and any pull request of the repository; a job in an environment says nothing of its branch. Example: github_environment = \"pypi\""
  }

  validation {
    condition     = var.github_environment == null || can(regex("^[A-Za-z0-9][A-Za-z0-9 ._/-]{0,254}$", var.github_environment))
    error_message = "github_environment \"${coalesce(var.github_environment, "null")}\" is refused: an exact name of letters, digits, spaces and ._/- (a * would take environments that every user with write access can create, and without their approvals). Example: pypi"
  }
}

variable "github_branch" {
  description = "Name of the branch whose jobs may read the token, exact: \"main\"."
  type        = string
  default     = null

  validation {
    condition     = var.github_branch == null || !can(regex("[*?]", var.github_branch))
    error_message = "github_branch \"${coalesce(var.github_branch, "null")}\" is refused: one branch, without * or ?. Every user who may push a branch whose name fits could change the workflow and read the token, without a review. Example: main"
  }

  validation {
    condition     = var.github_branch == null || !can(regex("^(refs/)?pull(/|_request|$)", var.github_branch))
    error_message = "github_branch \"${coalesce(var.github_branch, "null")}\" is refused: that is a pull request, which runs code before its review, and all pull requests have the same subject in their tokens. Trust a branch, or an environment that asks for approval."
  }

  validation {
    condition     = var.github_branch == null || can(regex("[*?]|^(refs/)?pull", var.github_branch)) || (!can(regex("^refs/", var.github_branch)) && can(regex("^([A-Za-z0-9._+@#-]+/)*[A-Za-z0-9._+@#-]+$", var.github_branch)))
    error_message = "github_branch \"${coalesce(var.github_branch, "null")}\" is refused: the name GitHub shows, without refs/heads/, of letters, digits and ._+@#-/. Example: main"
  }
}

variable "github_tag" {
  description = "Name of the tag whose jobs may read the token: exact, or a * after a part of its last name (\"v*\"). Protect such tags with a ruleset: who may push one may publish."
  type        = string
  default     = null

  validation {
    condition     = var.github_tag == null || !can(regex("^([^*]+/)?\\*+$", var.github_tag))
    error_message = "github_tag \"${coalesce(var.github_tag, "null")}\" is refused: * alone, or after a slash, takes any name, and every user who may push a tag could read the token. Name a part that only protected tags have. Example: v*"
  }

  validation {
    condition     = var.github_tag == null || can(regex("^([^*]+/)?\\*+$", var.github_tag)) || (!can(regex("^refs/", var.github_tag)) && can(regex("^([A-Za-z0-9._+@#-]+/)*[A-Za-z0-9._+@#-]+\\*?$", var.github_tag)))
    error_message = "github_tag \"${coalesce(var.github_tag, "null")}\" is refused: the name GitHub shows, without refs/tags/, of letters, digits and ._+@#-/; a * may stand at its end only. Example: v*"
  }
}

variable "existing_oidc_provider_arn" {
  description = "ARN of the IAM OIDC provider of GitHub Actions, where the account has one already (an account has one for each issuer). null: it is made here. An existing one is not changed: its client ids must hold sts.amazonaws.com."
  type        = string
  default     = null

  validation {
    condition     = var.existing_oidc_provider_arn == null || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/token\\.actions\\.githubusercontent\\.com$", var.existing_oidc_provider_arn))
    error_message = "existing_oidc_provider_arn \"${coalesce(var.existing_oidc_provider_arn, "null")}\" is not the ARN of GitHub's OIDC provider. It looks like arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  }
}
