//! A small HTTP server: few connections, short requests, one answer each.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tracing::debug;

use crate::rules::exposition::PLAIN;
use crate::rules::reply::respond;
use crate::rules::snapshot::Snapshot;

/// Connections at a time. More wait in the kernel's queue.
const CONNECTIONS: usize = 16;
/// For the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// For everything: a client that reads slowly must not hold a place for ever.
const WHOLE_TIME: Duration = Duration::from_secs(20);
/// Bytes of a request's head.
const HEAD_BYTES: usize = 16 * 1024;
/// Headers of a request.
const HEADERS: usize = 64;

/// Whether only this machine can connect to an address.
#[must_use]
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Answers requests until it is dropped. `look` is called once per request.
pub async fn serve(listener: TcpListener, look: impl Fn() -> Snapshot + Send + Sync + 'static) {
    answering(listener, move |request| response(request, &look())).await;
}

/// Gives out one text, at `/metrics`, until it is dropped. `look` is called once per request.
pub async fn serve_text(listener: TcpListener, look: impl Fn() -> String + Send + Sync + 'static) {
    let answer = move |request: &Request<Incoming>| {
        let (status, body) = match (request.method().as_str(), request.uri().path()) {
            ("GET" | "HEAD", "/metrics") => (StatusCode::OK, look()),
            ("GET" | "HEAD", _) => (StatusCode::NOT_FOUND, "only /metrics is here\n".to_owned()),
            _ => (StatusCode::METHOD_NOT_ALLOWED, String::new()),
        };
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        let content = HeaderValue::from_static(PLAIN);
        response.headers_mut().insert(CONTENT_TYPE, content);
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    };
    answering(listener, answer).await;
}

async fn answering(
    listener: TcpListener,
    look: impl Fn(&Request<Incoming>) -> Response<Full<Bytes>> + Send + Sync + 'static,
) {
    let (look, places) = (Arc::new(look), Arc::new(Semaphore::new(CONNECTIONS)));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // No descriptors left, most likely: it must not become a busy loop.
                debug!("accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let look = Arc::clone(&look);
        tokio::spawn(async move {
            // Whatever a client does wrong is its own loss.
            if tokio::time::timeout(WHOLE_TIME, answer(stream, look)).await.is_err() {
                debug!("a request took too long");
            }
            drop(place);
        });
    }
}

async fn answer(
    stream: TcpStream,
    look: Arc<impl Fn(&Request<Incoming>) -> Response<Full<Bytes>>>,
) {
    let service = service_fn(move |request| {
        let response = look(&request);
        async move { Ok::<_, Infallible>(response) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        // A scrape comes every few seconds at most: an idle connection would only hold a place.
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        debug!("connection: {error}");
    }
}

fn response(request: &Request<Incoming>, snapshot: &Snapshot) -> Response<Full<Bytes>> {
    let accept: Vec<_> =
        request.headers().get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let reply =
        respond(request.method().as_str(), request.uri().path(), &accept.join(","), snapshot);
    let mut response = Response::new(Full::from(reply.body));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if reply.status == 405 {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}
