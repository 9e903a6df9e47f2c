//! Whether a token comes of the client's own grant (RFC 6749 §4.4), or of a login of a person through that client.
//!
//! RFC 9068 §5 asks that the two never share a `sub`, but no claim says by itself which of them a token is for. So this is
//! evidence: what issuers write for a client alone, and what they write for a person alone.

use crate::claims::ClaimReader;

/// Claims of a login (OIDC Core §2, §5.1; Keycloak, Entra ID). A token that names one party only and has one of them is a
/// person's all the same: some issuers let an operator leave `sub` out, and an ID token names its client in `aud` alone.
const OF_A_PERSON: [&str; 9] =
    ["sid", "session_state", "auth_time", "nonce", "preferred_username", "email", "name", "upn", "unique_name"];

/// The client that asked for the token, beside the subject: OIDC Core §2, RFC 9068 §2.2, Keycloak before 21.1, Okta, and
/// Entra's tokens of version 1.0. Issuers that know no such clients (GitHub Actions, GitLab CI, Kubernetes, SPIFFE) write
/// none of them.
const OF_A_CLIENT: [&str; 5] = ["azp", "client_id", "clientId", "cid", "appid"];

/// Where Keycloak writes the client of a service account: `clientId` before 21.1 (and for clients made before it),
/// `client_id` since. Its default mappers read both from session notes that the client credentials grant alone sets.
const OF_A_SERVICE_ACCOUNT: [&str; 2] = ["client_id", "clientId"];

/// Whether the token, whose claim `client_claim` is `client`, shows that it is the client's own: it names nobody else and
/// bears no mark of a login, its subject is the client (RFC 9068 §5), or it says so as Auth0 (`{id}@clients`, `gty`), Entra
/// ID (`idtyp`) or Keycloak do. Where `client_claim` is `sub`, the subject always is `client`: what counts is then whether it
/// is also the client that asked for the token, where one is named.
pub(crate) fn is_shown(reader: &ClaimReader<'_>, client_claim: &str, client: &str) -> bool {
    let text = |name: &str| text(reader, name);
    let others: &[&str] = if client_claim == "sub" { &OF_A_CLIENT } else { &["sub"] };
    let is_of_nobody_else = !others.iter().chain(&OF_A_PERSON).any(|name| reader.has(name));
    let is_subject = |id: &str| text("sub").is_some_and(|sub| sub == id || sub.strip_suffix("@clients") == Some(id));
    let is_own = |id: &str| is_subject(id) || is_service_account(reader, client_claim, id);
    is_of_nobody_else
        || text("gty") == Some("client-credentials")
        || text("idtyp") == Some("app")
        || match client_claim {
            "sub" => OF_A_CLIENT.iter().filter_map(|name| text(name)).any(is_own),
            _ => is_own(client),
        }
}

/// Keycloak's service account of a client: the user name (always in lower case) is not enough, since a realm may let people
/// choose theirs. The client's id must stand in a claim that a login does not have; where that claim is `client_claim` itself,
/// one of the two other session notes must be there.
fn is_service_account(reader: &ClaimReader<'_>, client_claim: &str, client: &str) -> bool {
    let name = text(reader, "preferred_username").and_then(|name| name.strip_prefix("service-account-"));
    let is_named = name.is_some_and(|name| name == client || name == client.to_lowercase());
    let is_noted = |claim: &str| claim != client_claim && text(reader, claim) == Some(client);
    let has_other_notes = || ["clientHost", "clientAddress"].iter().any(|note| text(reader, note).is_some());
    is_named
        && (OF_A_SERVICE_ACCOUNT.iter().any(|claim| is_noted(claim))
            || (OF_A_SERVICE_ACCOUNT.contains(&client_claim) && has_other_notes()))
}

/// A claim of another type shows nothing.
fn text<'a>(reader: &ClaimReader<'a>, name: &str) -> Option<&'a str> {
    reader.text(name).ok().flatten()
}
