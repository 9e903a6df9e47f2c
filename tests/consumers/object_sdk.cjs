// A program of the AWS SDK for JavaScript that uploads: credentials from the SDK's default chain, nothing else.
//
// `once BUCKET KEY FILE` uploads FILE and prints what it reads back; `keep BUCKET PREFIX` uploads five times a second
// until it is stopped, a line for each: `ok KEY` or `failed KEY WHY`.
const { readFile } = require("node:fs/promises");
const { setTimeout: sleep } = require("node:timers/promises");
const { GetObjectCommand, PutObjectCommand, S3Client } = require("@aws-sdk/client-s3");
const { fromNodeProviderChain } = require("@aws-sdk/credential-providers");

const s3 = new S3Client({ credentials: fromNodeProviderChain() });

async function once(bucket, key, file) {
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: await readFile(file) }));
  const object = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  process.stdout.write(await object.Body.transformToString());
}

async function keep(bucket, prefix) {
  for (let count = 0; ; count++) {
    const key = `${prefix}${count}`;
    try {
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: "kept" }));
      console.log(`ok ${key}`);
    } catch (error) {
      console.log(`failed ${key} ${String(error).replaceAll("\n", " ")}`);
    }
    await sleep(200);
  }
}

const [command, ...rest] = process.argv.slice(2);
({ once, keep })[command](...rest);
