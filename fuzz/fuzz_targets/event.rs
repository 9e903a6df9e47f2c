//! Any bytes as a Lambda event: it becomes a request that is understood or refused, never a panic.
#![no_main]

use entrance::events::{self, EventResponse};
use entrance::{ApiResponse, Call};
use libfuzzer_sys::fuzz_target;
use vending_lambda::request::VendRequest;

fuzz_target!(|event: &[u8]| {
    if let Ok((request, shape)) = events::read(event, "id".to_owned(), "/credentials", Call::now(None)) {
        if let Ok(wanted) = VendRequest::read(&request) {
            assert!(!wanted.access_token.is_empty());
        }
        let response = EventResponse::new(ApiResponse::json(200, "{}".to_owned(), &request.request_id), shape);
        serde_json::to_string(&response).expect("a response always serializes");
    }
});
