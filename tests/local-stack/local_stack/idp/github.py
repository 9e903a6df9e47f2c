"""GitHub Actions: tokens of workflow runs (`https://token.actions.githubusercontent.com`)."""

import secrets
import uuid

from werkzeug.wrappers import Request

from .issuer import Issuers, Reply, token_id
from .registry import Refused, require

ISSUER = "https://token.actions.githubusercontent.com"
# Where a runner's ACTIONS_ID_TOKEN_REQUEST_URL points.
RUNNER_HOST = "pipelines.actions.githubusercontent.com"
LIFETIME_SECONDS = 300
FIELDS = {"repository", "ref", "environment", "event", "owner_id", "repository_id", "workflow", "permissions"}


class GitHubActions:
    """Jobs that may ask for tokens."""

    def __init__(self, issuers: Issuers) -> None:
        self._issuers = issuers
        self._jobs: dict[str, dict] = {}
        issuers.add(ISSUER)

    def start(self, fields: dict, endpoint: str) -> dict:
        """A job as `POST /local-stack/idp/github/jobs` orders it; answers what its runner has in the environment."""
        require(fields, "repository")
        if set(fields) - FIELDS or fields["repository"].count("/") != 1:
            raise Refused(400, f"a job has repository OWNER/NAME and may have {', '.join(sorted(FIELDS))}")
        job, token = secrets.token_hex(8), secrets.token_urlsafe(48)
        usual = {"ref": "refs/heads/main", "event": "push", "workflow": "deploy", "permissions": "write"}
        self._jobs[job] = usual | fields | {"request_token": token}
        url = f"{endpoint}/local-stack/internet/{RUNNER_HOST}/{job}/idtoken?api-version=2.0"
        return {"ACTIONS_ID_TOKEN_REQUEST_URL": url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": token}

    def answer(self, host: str, path: str, request: Request) -> Reply | None:
        if host == RUNNER_HOST:
            return self._runner(path.split("/")[1], request)
        if path == "/.well-known/jwks":
            return Reply(200, self._issuers.jwks(ISSUER))
        if path == "/.well-known/openid-configuration":
            return Reply(200, {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/.well-known/jwks"})
        return None

    def _runner(self, job_id: str, request: Request) -> Reply:
        job = self._jobs.get(job_id)
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if job is None or not secrets.compare_digest(job["request_token"].encode(), bearer.encode()):
            return Reply(401, {"$id": "1", "message": "The request token is missing, unknown or not of this job."})
        if request.method != "GET" or request.args.get("api-version") is None:
            return Reply(400, {"$id": "1", "message": "No api-version was supplied, or the method is not GET."})
        # Without ?audience= the token is for the owner's page (GitHub's documentation, "Customizing the audience").
        owner = job["repository"].partition("/")[0]
        audience = request.args.get("audience") or f"https://github.com/{owner}"
        claims = _claims(job) | {"aud": audience}
        token, _ = self._issuers.sign(ISSUER, job["repository"], claims, LIFETIME_SECONDS)
        return Reply(
            200, {"count": len(token), "value": token}, {"repository": job["repository"], "audience": audience}
        )


def _claims(job: dict) -> dict:
    owner, _, name = job["repository"].partition("/")
    workflow = f"{job['repository']}/.github/workflows/{job['workflow']}.yml@{job['ref']}"
    return {
        "jti": token_id(),
        "sub": _subject(job, owner, name),
        "ref": job["ref"],
        "ref_type": "tag" if job["ref"].startswith("refs/tags/") else "branch",
        "sha": uuid.uuid4().hex + "0" * 8,
        "repository": job["repository"],
        "repository_owner": owner,
        "repository_owner_id": str(job.get("owner_id", 1)),
        "repository_id": str(job.get("repository_id", 2)),
        "repository_visibility": "private",
        "environment": job.get("environment"),
        "event_name": job["event"],
        "actor": "octocat",
        "actor_id": "583231",
        "workflow": job["workflow"],
        "workflow_ref": workflow,
        "job_workflow_ref": workflow,
        "run_id": "1",
        "run_number": "1",
        "run_attempt": "1",
        "runner_environment": "github-hosted",
    }


def _subject(job: dict, owner: str, name: str) -> str:
    # Repositories created, renamed or moved after 2026-07-15 carry both ids.
    if "owner_id" in job and "repository_id" in job:
        owner, name = f"{owner}@{job['owner_id']}", f"{name}@{job['repository_id']}"
    repository = f"repo:{owner}/{name}"
    # An environment wins over the event, the event over the ref.
    if job.get("environment"):
        return f"{repository}:environment:{job['environment']}"
    return f"{repository}:pull_request" if job["event"] == "pull_request" else f"{repository}:ref:{job['ref']}"
