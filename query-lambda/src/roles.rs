//! Which role a client's queries run as: its item, the items of its scopes, the roles of deployments of old, or none.

use std::time::SystemTime;

use authenticate::Claims;
use environment::RoleArn;
use grant::role_mapping::RoleMapping;
use grant::table::{MappingError, RoleMappings};

use crate::statement::Access;

/// Everything that may lead to a role.
pub struct Roles {
    /// `ROLE_MAPPINGS_TABLE`.
    pub mappings: Option<RoleMappings>,
    /// The two variables.
    pub variables: Option<VariableRoles>,
}

/// `LF_SUPER_ROLE_ARN` and `LF_DEV_ROLE_ARN`, which deployments of old have instead of a table.
#[derive(Debug, Clone)]
pub struct VariableRoles {
    /// For tokens that may write or administer.
    pub super_role: Option<RoleArn>,
    /// For tokens that may read.
    pub dev_role: Option<RoleArn>,
    /// `COGNITO_ISSUER`, whose clients alone they serve.
    pub issuer: String,
}

impl Roles {
    /// The role for a client whose scopes give `access`.
    ///
    /// # Errors
    /// When there is none, or when the table says that something is wrong.
    pub async fn find(&self, claims: &Claims, access: Access, now: SystemTime) -> Result<RoleMapping, MappingError> {
        let not_registered = MappingError::NotRegistered { client_id: claims.client_id().to_owned() };
        let in_table = match &self.mappings {
            Some(mappings) => mappings.find(claims, now).await,
            None => Err(not_registered),
        };
        match (in_table, &self.variables) {
            (Err(error @ MappingError::NotRegistered { .. }), Some(roles)) if roles.issuer == claims.issuer() => {
                roles.of(access).ok_or(error)
            }
            (found, _) => found,
        }
    }
}

impl VariableRoles {
    fn of(&self, access: Access) -> Option<RoleMapping> {
        let (key, role_arn) = match access {
            Access::Read => ("LF_DEV_ROLE_ARN", &self.dev_role),
            Access::Write | Access::Admin => ("LF_SUPER_ROLE_ARN", &self.super_role),
        };
        Some(RoleMapping::of_role(key, role_arn.clone()?, &self.issuer))
    }
}
