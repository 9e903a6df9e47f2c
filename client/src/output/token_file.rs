//! The identity provider's token, as programs read it from a file.

use crate::access_token::AccessToken;

/// No newline at the end: SDKs send the file as it is. `Bearer` is for those that send it as a whole header.
pub(crate) fn format(token: &AccessToken, is_bearer: bool) -> String {
    format!("{}{}", if is_bearer { "Bearer " } else { "" }, token.value.expose())
}
