//! What a token's scopes allow a statement to be.

use authenticate::Claims;
use thiserror::Error;

use crate::statement::Access;

/// The three scopes, as whole values.
#[derive(Debug, Clone)]
pub struct QueryScopes {
    read: String,
    write: String,
    admin: String,
}

/// A token that holds none of them runs nothing, whatever its item says.
#[derive(Debug, Clone, Error)]
#[error("the token's scopes do not suffice: one of {read}, {write} and {admin} is required")]
pub struct NoScope {
    read: String,
    write: String,
    admin: String,
}

impl QueryScopes {
    /// Those of a resource server.
    #[must_use]
    pub fn of(resource_server: &str) -> Self {
        let scope = |access: Access| format!("{resource_server}/query.{}", access.name());
        Self { read: scope(Access::Read), write: scope(Access::Write), admin: scope(Access::Admin) }
    }

    /// The widest access that the token's scopes give; each includes those below it.
    ///
    /// # Errors
    /// When they give none.
    pub fn access(&self, claims: &Claims) -> Result<Access, NoScope> {
        self.widest(claims.scopes()).ok_or_else(|| NoScope {
            read: self.read.clone(),
            write: self.write.clone(),
            admin: self.admin.clone(),
        })
    }

    fn widest(&self, scopes: &[String]) -> Option<Access> {
        let levels = [(Access::Admin, &self.admin), (Access::Write, &self.write), (Access::Read, &self.read)];
        levels.into_iter().find(|(_, scope)| scopes.contains(scope)).map(|(access, _)| access)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_scope_counts_and_only_whole_values() {
        let scopes = QueryScopes::of("athena-api");
        for (held, access) in [
            (&["athena-api/query.read"][..], Some(Access::Read)),
            (&["athena-api/query.read", "athena-api/query.write"][..], Some(Access::Write)),
            (&["athena-api/query.admin", "athena-api/query.read"][..], Some(Access::Admin)),
            (&["other/query.admin"][..], None),
            (&["athena-api/query.readonly", "query.read", "athena-api/query.READ", "athena-api"][..], None),
            (&[][..], None),
        ] {
            let held: Vec<_> = held.iter().map(|scope| (*scope).to_owned()).collect();
            assert_eq!(scopes.widest(&held), access, "{held:?}");
        }
    }
}
