//! An S3 that costs next to nothing: a thread a connection, uploads counted and dropped, downloads from one block.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

const KEYS_A_PAGE: usize = 1_000;
/// What every object consists of, again and again.
pub const BLOCK: usize = 1024 * 1024;

/// Sizes, and checksums where one was stated, by key.
type Objects = Arc<Mutex<HashMap<String, (u64, Option<String>)>>>;

pub struct FastS3 {
    pub address: SocketAddr,
    pub objects: Objects,
}

/// A request's head.
struct Head {
    method: String,
    path: String,
    query: String,
    headers: HashMap<String, String>,
}

impl FastS3 {
    /// Serves for as long as the process lives. `keys` are what a listing of everything gives.
    pub fn start(keys: usize) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let objects = Objects::default();
        let (block, pages) = (Arc::new(block()), Arc::new(pages(keys)));
        let shared = Arc::clone(&objects);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection =
                    Connection { objects: Arc::clone(&shared), block: Arc::clone(&block), pages: Arc::clone(&pages) };
                // A client that hangs up has what it wanted.
                std::thread::spawn(move || connection.serve(&stream));
            }
        });
        Ok(Self { address, objects })
    }
}

/// Bytes that are not all alike.
pub fn block() -> Vec<u8> {
    (0..BLOCK).map(|index| index.wrapping_mul(index).to_le_bytes()[1]).collect()
}

/// All pages of the listing, ready to be sent.
fn pages(keys: usize) -> Vec<String> {
    let count = keys.div_ceil(KEYS_A_PAGE);
    let page = |page: usize| {
        let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
            <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>bucket</Name>"
            .to_owned();
        if page + 1 < count {
            let _ = write!(
                xml,
                "<IsTruncated>true</IsTruncated><NextContinuationToken>{}</NextContinuationToken>",
                page + 1
            );
        }
        for key in page * KEYS_A_PAGE..keys.min((page + 1) * KEYS_A_PAGE) {
            let _ = write!(
                xml,
                "<Contents><Key>logs/server-01/2026/11/21/{key:08}.log</Key>\
                 <LastModified>2026-11-21T12:00:00.000Z</LastModified>\
                 <ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>{key}</Size>\
                 <StorageClass>STANDARD</StorageClass></Contents>"
            );
        }
        xml + "</ListBucketResult>"
    };
    (0..count).map(page).collect()
}

struct Connection {
    objects: Objects,
    block: Arc<Vec<u8>>,
    pages: Arc<Vec<String>>,
}

impl Connection {
    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::with_capacity(256 * 1024, stream);
        while let Some(head) = read_head(&mut reader)? {
            let length = receive_body(&mut reader, stream, &head)?;
            self.answer(stream, &head, length)?;
        }
        Ok(())
    }

    fn answer(&self, stream: &TcpStream, head: &Head, length: u64) -> io::Result<()> {
        let key = head.path.trim_start_matches('/').split_once('/').unwrap_or_default().1.to_owned();
        let checksum = head.headers.get("x-amz-checksum-crc64nvme").cloned();
        let is_part = head.query.contains("partNumber=");
        match head.method.as_str() {
            "PUT" if !is_part => {
                self.objects().insert(key, (length, checksum));
                respond(stream, 200, "etag: \"e\"\r\n", "")
            }
            "PUT" => {
                self.objects().entry(key).or_default().0 += length;
                respond(stream, 200, "etag: \"e\"\r\n", "")
            }
            "POST" if head.query.contains("uploadId=") => {
                self.objects().entry(key).or_default().1 = checksum;
                respond(
                    stream,
                    200,
                    "",
                    "<CompleteMultipartUploadResult><ETag>\"e\"</ETag></CompleteMultipartUploadResult>",
                )
            }
            "POST" => {
                self.objects().remove(&key);
                let xml = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>";
                respond(stream, 200, "", xml)
            }
            "GET" if key.is_empty() => {
                let token = head.query.split('&').find_map(|pair| pair.strip_prefix("continuation-token="));
                let page = token.and_then(|token| token.parse::<usize>().ok()).unwrap_or(0);
                respond(stream, 200, "content-type: application/xml\r\n", &self.pages[page])
            }
            method => self.download(stream, method, &key, head.headers.get("range")),
        }
    }

    fn download(&self, mut stream: &TcpStream, method: &str, key: &str, range: Option<&String>) -> io::Result<()> {
        let Some((length, checksum)) = self.objects().get(key).cloned() else {
            return respond(stream, 404, "", "<Error><Code>NoSuchKey</Code></Error>");
        };
        let bounds = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
        let bounds = bounds.and_then(|(start, end)| Some((start.parse::<u64>().ok()?, end.parse::<u64>().ok()?)));
        let (start, end) = bounds.map_or((0, length), |(start, end)| (start, (end + 1).min(length)));
        let mut fields = format!("content-length: {}\r\netag: \"e\"\r\naccept-ranges: bytes\r\n", end - start);
        fields.push_str("last-modified: Sat, 21 Nov 2026 12:00:00 GMT\r\n");
        match (bounds, checksum) {
            (Some(_), _) => _ = write!(fields, "content-range: bytes {start}-{}/{length}\r\n", end - 1),
            (None, Some(checksum)) => _ = write!(fields, "x-amz-checksum-crc64nvme: {checksum}\r\n"),
            (None, None) => {}
        }
        let status = if bounds.is_some() { 206 } else { 200 };
        stream.write_all(format!("HTTP/1.1 {status} X\r\n{fields}\r\n").as_bytes())?;
        let mut position = start;
        while method == "GET" && position < end {
            let from = usize::try_from(position % BLOCK as u64).expect("less than a block");
            let most = usize::try_from(end - position).expect("a size in memory").min(BLOCK - from);
            stream.write_all(&self.block[from..from + most])?;
            position += most as u64;
        }
        Ok(())
    }

    fn objects(&self) -> std::sync::MutexGuard<'_, HashMap<String, (u64, Option<String>)>> {
        self.objects.lock().expect("no thread panics while it holds this lock")
    }
}

impl Head {
    fn number(&self, name: &str) -> u64 {
        self.headers.get(name).and_then(|value| value.parse().ok()).unwrap_or(0)
    }
}

fn read_head(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<Head>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let (path, query) = (path.to_owned(), query.to_owned());
    let mut headers = HashMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    Ok(Some(Head { method, path, query, headers }))
}

fn receive_body(reader: &mut BufReader<&TcpStream>, mut stream: &TcpStream, head: &Head) -> io::Result<u64> {
    let length = head.number("content-length");
    if head.headers.get("expect").is_some_and(|expected| expected == "100-continue") {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    io::copy(&mut reader.take(length), &mut io::sink())
}

fn respond(mut stream: &TcpStream, status: u16, fields: &str, body: &str) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status} X\r\n{fields}content-length: {}\r\n\r\n", body.len());
    stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice())
}
