//! Trust policies: whom a role lets assume it.

use environment::RoleArn;

use crate::policy_document::{PolicyDocument, Statement};

/// What a role's trust policy says about an action of the function's role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trusted {
    Yes,
    No,
    /// A condition decides whose value is not known here.
    Depends(String),
}

/// A principal that a trust policy lets assume the role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assumer {
    /// `AWS`, `Service`, `Federated` or `*`.
    pub(crate) kind: String,
    pub(crate) name: String,
}

impl Assumer {
    /// Everybody, or whole accounts: whoever may call `sts:AssumeRole` there.
    pub(crate) fn is_many(&self) -> bool {
        self.name == "*" || self.name.ends_with(":root") || self.name.bytes().all(|byte| byte.is_ascii_digit())
    }
}

/// Whether the sessions of `function_role` may do `action` to the role, with this external id.
pub(crate) fn lets(
    trust: &PolicyDocument,
    function_role: &RoleArn,
    action: &str,
    external_id: Option<&str>,
) -> Trusted {
    let named = |statement: &Statement<'_>| statement.names_action(action) && names(*statement, function_role);
    let mut found = Trusted::No;
    for statement in trust.statements().filter(named) {
        match (statement.allows(), conditions(statement, external_id)) {
            (true, Trusted::Yes) if found != Trusted::Yes => found = Trusted::Yes,
            (true, Trusted::Depends(key)) if found == Trusted::No => found = Trusted::Depends(key),
            (false, Trusted::Yes) => return Trusted::No,
            (false, Trusted::Depends(key)) => return Trusted::Depends(key),
            _ => {}
        }
    }
    found
}

/// Everybody who may assume the role, the function's role aside.
pub(crate) fn others(trust: &PolicyDocument, function_role: Option<&RoleArn>) -> Vec<Assumer> {
    let assumes = |statement: &Statement<'_>| {
        let actions = ["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"];
        statement.allows() && actions.iter().any(|action| statement.names_action(action))
    };
    let mut found: Vec<Assumer> = Vec::new();
    for statement in trust.statements().filter(assumes) {
        // `NotPrincipal` with Allow is everybody but those that it names.
        for (kind, name) in statement.principals().unwrap_or_else(|| vec![("*", "*")]) {
            let assumer = Assumer { kind: kind.to_owned(), name: name.to_owned() };
            let is_function = function_role.is_some_and(|role| is_of(name, role));
            if !is_function && !found.contains(&assumer) {
                found.push(assumer);
            }
        }
    }
    found
}

/// Whether the statement's principal covers the function's role.
fn names(statement: Statement<'_>, function_role: &RoleArn) -> bool {
    let Some(principals) = statement.principals() else { return false };
    let account = function_role.account_id();
    let root = format!("arn:{}:iam::{account}:root", function_role.partition());
    principals.iter().any(|(kind, name)| {
        matches!(*kind, "AWS" | "*")
            && (*name == "*" || *name == account || *name == root || is_of(name, function_role))
    })
}

/// The role itself, or a session of it.
fn is_of(principal: &str, role: &RoleArn) -> bool {
    let session = format!("arn:{}:sts::{}:assumed-role/{}/", role.partition(), role.account_id(), role.name());
    principal == role.as_str() || principal.starts_with(&session)
}

fn conditions(statement: Statement<'_>, external_id: Option<&str>) -> Trusted {
    let mut found = Trusted::Yes;
    for (operator, key, values) in statement.conditions() {
        match (operator, key.to_ascii_lowercase().as_str()) {
            ("StringEquals", "sts:externalid") if !external_id.is_some_and(|id| values.contains(&id)) => {
                return Trusted::No;
            }
            // Set for the sessions of functions alone, so with …IfExists it cannot say no to the service.
            ("StringEquals", "sts:externalid")
            | ("ArnEqualsIfExists" | "ArnLikeIfExists", "lambda:sourcefunctionarn") => {}
            _ => found = Trusted::Depends(key.to_owned()),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const FUNCTION: &str = "arn:aws:iam::123456789012:role/x/vending";

    fn policy(statements: &Value) -> PolicyDocument {
        PolicyDocument::parse(&json!({"Statement": statements}).to_string()).unwrap()
    }

    fn role() -> RoleArn {
        RoleArn::parse(FUNCTION).unwrap()
    }

    /// As `terraform-cognito/modules/function-trust` writes it.
    #[test]
    fn the_deployed_trust_lets_the_function_in_and_nobody_else() {
        let from = json!({"ArnEqualsIfExists": {"lambda:SourceFunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:v"}});
        let mut with_id = from.clone();
        with_id["StringEquals"] = json!({"sts:ExternalId": "web-01-id"});
        let trust = policy(&json!([
            {"Effect": "Allow", "Principal": {"AWS": FUNCTION}, "Action": "sts:AssumeRole", "Condition": with_id},
            {"Effect": "Allow", "Principal": {"AWS": FUNCTION}, "Action": ["sts:TagSession", "sts:SetSourceIdentity"], "Condition": from}
        ]));
        assert_eq!(lets(&trust, &role(), "sts:AssumeRole", Some("web-01-id")), Trusted::Yes);
        assert_eq!(lets(&trust, &role(), "sts:AssumeRole", Some("other")), Trusted::No);
        assert_eq!(lets(&trust, &role(), "sts:AssumeRole", None), Trusted::No);
        assert_eq!(lets(&trust, &role(), "sts:TagSession", None), Trusted::Yes);
        let other = RoleArn::parse("arn:aws:iam::123456789012:role/other").unwrap();
        assert_eq!(lets(&trust, &other, "sts:TagSession", None), Trusted::No);
        assert_eq!(others(&trust, Some(&role())), []);
        assert_eq!(others(&trust, Some(&other)).len(), 1);
    }

    #[test]
    fn who_else_may_assume() {
        for (principal, many) in [
            (json!("*"), true),
            (json!({"AWS": "*"}), true),
            (json!({"AWS": "arn:aws:iam::123456789012:root"}), true),
            (json!({"AWS": ["999999999999", FUNCTION]}), true),
            (json!({"AWS": "arn:aws:iam::123456789012:user/a"}), false),
            (json!({"Service": "ec2.amazonaws.com"}), false),
            (json!({"Federated": "arn:aws:iam::123456789012:oidc-provider/idp"}), false),
        ] {
            let action =
                if principal["Federated"].is_string() { "sts:AssumeRoleWithWebIdentity" } else { "sts:Assume*" };
            let trust = policy(&json!({"Effect": "Allow", "Principal": principal, "Action": action}));
            let [other] = &others(&trust, Some(&role()))[..] else { panic!("{principal}") };
            assert_eq!(other.is_many(), many, "{principal}");
        }
        let everybody_else = policy(&json!({"Effect": "Allow", "NotPrincipal": {"AWS": "a"}, "Action": "*"}));
        assert!(others(&everybody_else, Some(&role()))[0].is_many());
        for harmless in [
            json!({"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}),
            json!({"Effect": "Allow", "Principal": "*", "Action": "sts:TagSession"}),
            json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:sts::123456789012:assumed-role/vending/f"}, "Action": "sts:AssumeRole"}),
        ] {
            assert_eq!(others(&policy(&harmless), Some(&role())), [], "{harmless}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        let allow = json!({"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"});
        let only_from = json!({"Effect": "Allow", "Principal": {"AWS": FUNCTION}, "Action": "sts:AssumeRole",
            "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}});
        let deny =
            |condition: Value| json!({"Effect": "Deny", "Principal": "*", "Action": "sts:*", "Condition": condition});
        let of = |statements: Value| lets(&policy(&statements), &role(), "sts:AssumeRole", None);
        assert_eq!(of(json!([allow])), Trusted::Yes, "the account lets its roles decide");
        assert_eq!(of(json!([only_from])), Trusted::Depends("aws:SourceIp".to_owned()));
        assert_eq!(of(json!([only_from, allow])), Trusted::Yes);
        assert_eq!(of(json!([allow, deny(json!({}))])), Trusted::No);
        let depends = of(json!([allow, deny(json!({"StringEquals": {"aws:PrincipalTag/x": "y"}}))]));
        assert_eq!(depends, Trusted::Depends("aws:PrincipalTag/x".to_owned()));
        assert_eq!(of(json!([])), Trusted::No);
    }
}
