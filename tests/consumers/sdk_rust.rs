//! A program of the AWS SDK for Rust that uploads: credentials from the SDK's chain of default providers, nothing else.
//!
//! `sdk-consumer once BUCKET KEY FILE` uploads FILE and prints what it reads back; `sdk-consumer keep BUCKET PREFIX`
//! uploads five times a second until it is stopped, a line for each: `ok KEY` or `failed KEY WHY`; `sdk-consumer version`
//! prints that of `aws-sdk-s3`.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use aws_config::BehaviorVersion;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let client = Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await);
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["once", bucket, key, file] => once(&client, bucket, key, file).await,
        ["keep", bucket, prefix] => keep(&client, bucket, prefix).await,
        ["version"] => {
            println!("{}", aws_sdk_s3::meta::PKG_VERSION);
            Ok(())
        }
        _ => bail!("once BUCKET KEY FILE | keep BUCKET PREFIX | version"),
    }
}

async fn once(client: &Client, bucket: &str, key: &str, file: &str) -> Result<()> {
    upload(client, bucket, key, std::fs::read(file)?).await?;
    let object = client.get_object().bucket(bucket).key(key).send().await.map_err(told)?;
    let bytes = object.body.collect().await.context("the object")?.into_bytes();
    print!("{}", String::from_utf8_lossy(&bytes));
    Ok(())
}

async fn keep(client: &Client, bucket: &str, prefix: &str) -> Result<()> {
    for count in 0_u64.. {
        let key = format!("{prefix}{count}");
        match upload(client, bucket, &key, b"kept".to_vec()).await {
            Ok(()) => println!("ok {key}"),
            Err(error) => println!("failed {key} {}", error.to_string().replace('\n', " ")),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

async fn upload(client: &Client, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<()> {
    client.put_object().bucket(bucket).key(key).body(ByteStream::from(bytes)).send().await.map_err(told)?;
    Ok(())
}

/// An SDK's error with its causes: its own text is only "service error".
fn told<E: std::error::Error>(error: E) -> anyhow::Error {
    anyhow::anyhow!("{}", DisplayErrorContext(error))
}
