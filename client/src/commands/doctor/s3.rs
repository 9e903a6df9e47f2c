//! What the credentials may do under the identity's prefix, as far as that can be found out without writing.

use http_client::Request;

use super::caller_identity::Tried;
use super::hops::Walk;
use super::targets::Targets;
use crate::consequence::Kind;
use crate::credentials::Credentials;
use crate::error::Error;
use crate::signature_v4::Service;

const OUTSIDE: &str = "correct S3_PATH_PREFIX, or ask for another prefix";
/// The object that the write probe puts: empty, and deleted a moment later where the identity may delete.
const PROBE: &str = ".credvend-doctor";
/// SHA-256 of nothing, in Base64: a bucket with object lock takes no object without a digest.
const DIGEST_OF_NOTHING: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

/// A bucket's prefix, and how to get there.
struct Prefix<'a> {
    credentials: &'a Credentials,
    targets: &'a Targets,
    region: &'a str,
    bucket: &'a str,
}

impl Prefix<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.targets.s3.prefix)
    }

    fn url(&self, name: &str) -> String {
        format!("s3://{}/{}", self.bucket, self.key(name))
    }
}

impl Walk<'_> {
    pub(super) async fn s3(&mut self, credentials: &Credentials, targets: &Targets, region: &str) -> Result<(), Error> {
        let Some(bucket) = targets.s3.bucket.as_deref() else {
            return self.report.ok("S3", "not tried: S3_BUCKET is not set, and the service names no bucket");
        };
        if let Some(granted) = &targets.granted {
            // The mapping's prefix need not be enforced: the response of S3 below decides.
            let detail = format!("`{}` does not lie under `{granted}`, which the vending API names", targets.s3.prefix);
            self.report.warn("S3", detail, OUTSIDE)?;
        }
        let prefix = Prefix { credentials, targets, region, bucket };
        if self.may_write {
            return self.write(&prefix).await;
        }
        self.list(&prefix).await
    }

    /// Listing changes nothing. The response also shows whether bucket, region and signature are right.
    async fn list(&mut self, prefix: &Prefix<'_>) -> Result<(), Error> {
        let url = prefix.url("");
        let Some(bucket) = prefix.targets.s3.object(prefix.region, prefix.bucket, "") else {
            return self.no_host(prefix);
        };
        let list = bucket.with_query("list-type", "2").with_query("max-keys", "1");
        let list = list.with_query("prefix", &prefix.key(""));
        let Some(response) =
            self.signed("S3", Request::get(&list), Service::S3, prefix.region, prefix.credentials).await?
        else {
            return Ok(());
        };
        match Tried::of(&response, prefix.credentials) {
            Tried::Done => self.report.ok("S3", format_args!("{url} can be listed")),
            Tried::Denied if prefix.targets.granted.is_some() => {
                let detail = format!("{url} cannot be listed, and lies outside the identity's prefix");
                self.report.fail_with("S3", detail, Some(OUTSIDE), Kind::Configuration)
            }
            Tried::Denied => {
                let detail = format!(
                    "{url} cannot be listed, which is right for the levels `write` and `read-write`; only a write \
                     shows whether it can be written"
                );
                let fix = "`credvend doctor --write-probe` puts an empty object there, reads it and deletes it";
                self.report.warn("S3", detail, fix)
            }
            Tried::Failed => self.refused("S3", &url, &response, prefix.credentials),
        }
    }

    /// Puts, gets and deletes an empty object.
    async fn write(&mut self, prefix: &Prefix<'_>) -> Result<(), Error> {
        let url = prefix.url(PROBE);
        let Some(object) = prefix.targets.s3.object(prefix.region, prefix.bucket, &prefix.key(PROBE)) else {
            return self.no_host(prefix);
        };
        // RFC 9110 §13.1.2: only where there is no object, so that no existing object is replaced or deleted.
        let put = Request::put(&object, Vec::new())
            .header("x-amz-checksum-sha256", DIGEST_OF_NOTHING)
            .header("if-none-match", "*");
        let mut tried = Vec::new();
        for (request, what) in
            [(put, "written"), (Request::get(&object), "read"), (Request::delete(&object), "deleted")]
        {
            let response = self.signed("S3", request, Service::S3, prefix.region, prefix.credentials).await?;
            let Some(response) = response else { return Ok(()) };
            // S3 looks for the object only once the identity may write.
            if what == "written" && response.status == 412 {
                let detail = format!(
                    "{url} can be written; an object with that key exists already, from an earlier probe or another program"
                );
                return self.report.ok("S3", format_args!("{detail}: it is left alone"));
            }
            match Tried::of(&response, prefix.credentials) {
                Tried::Done => tried.push(what.to_owned()),
                Tried::Denied if what != "written" => tried.push(format!("not {what}")),
                Tried::Denied | Tried::Failed => return self.refused("S3", &url, &response, prefix.credentials),
            }
        }
        let left = if tried.last().is_some_and(|last| last == "deleted") { "" } else { ": the empty object stays" };
        self.report.ok("S3", format_args!("{url} can be {}{left}", tried.join(", ")))
    }

    fn no_host(&mut self, prefix: &Prefix<'_>) -> Result<(), Error> {
        let detail = format!("`{}` in `{}` is not the name of a bucket", prefix.bucket, prefix.region);
        let fix = Some("correct S3_BUCKET and AWS_REGION");
        self.report.fail_with("S3", detail, fix, Kind::Configuration)
    }
}
