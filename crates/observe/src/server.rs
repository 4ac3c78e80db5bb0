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

use crate::rules::reply::{Reply, respond, respond_plainly};
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

/// Gives out what a process counts and says of itself, until it is dropped: `metrics` at `/metrics`; at `/readyz` what
/// stands `against` it, in words, and that it is ready where nothing does; at `/healthz` that it answers at all. Each is
/// called once per request.
pub async fn serve_plainly(
    listener: TcpListener,
    metrics: impl Fn() -> String + Send + Sync + 'static,
    against: impl Fn() -> Vec<String> + Send + Sync + 'static,
) {
    let answer = move |request: &Request<Incoming>| {
        let asked = (request.method().as_str(), request.uri().path());
        as_response(respond_plainly(asked, &metrics, &against))
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
    let (method, path) = (request.method().as_str(), request.uri().path());
    as_response(respond(method, path, &accept.join(","), snapshot))
}

fn as_response(reply: Reply) -> Response<Full<Bytes>> {
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
