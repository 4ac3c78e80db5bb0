//! The state machine behind a socket on loopback.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::{Request as HttpRequest, Response};

use crate::loopback::Loopback;
use crate::message::{Answer, Request};
use crate::time;
use crate::world::{Delivery, World};

/// A running server; it stops when this is dropped.
#[derive(Debug)]
pub struct Server {
    loopback: Loopback,
    world: Arc<Mutex<World>>,
}

impl Server {
    /// Starts a server on a free port of the loopback interface.
    ///
    /// # Errors
    /// When the port or the thread isn't to be had.
    pub fn start(world: World) -> io::Result<Self> {
        let world = Arc::new(Mutex::new(world));
        let shared = Arc::clone(&world);
        let loopback =
            Loopback::start("standin", move |request| respond(request, Arc::clone(&shared)))?;
        Ok(Self { loopback, world })
    }

    /// The URL that clients are to be given.
    #[must_use]
    pub fn endpoint(&self) -> String {
        let world = self.world();
        match world.dialect {
            crate::Dialect::Azure => {
                format!("http://{}/{}", self.loopback.address(), world.keys.id)
            }
            _ => format!("http://{}", self.loopback.address()),
        }
    }

    /// The state, to look at and to change; no request is answered meanwhile.
    pub fn world(&self) -> MutexGuard<'_, World> {
        locked(&self.world)
    }

    /// The variables that give the client its credentials.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let world = self.world();
        let (id, secret) = (world.keys.id.clone(), world.keys.secret.clone());
        match world.dialect {
            crate::Dialect::Google => vec![],
            crate::Dialect::Azure => {
                vec![("AZURE_STORAGE_ACCOUNT_NAME", id), ("AZURE_STORAGE_ACCOUNT_KEY", secret)]
            }
            _ => vec![("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret)],
        }
    }
}

fn locked(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn respond(
    request: HttpRequest<Incoming>,
    world: Arc<Mutex<World>>,
) -> io::Result<Response<Sent>> {
    let (parts, body) = request.into_parts();
    let head = parts.method == hyper::Method::HEAD;
    let Ok(body) = body.collect().await else {
        // Half an upload is none.
        return Ok(response(Answer::new(400), head, false));
    };
    let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers = parts.headers.iter().map(header).collect();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let request = Request::new(parts.method.as_str(), target, headers, body.to_bytes());
    let (answer, delivery) = locked(&world).answer(&request, time::now());
    match delivery {
        Delivery::Never => std::future::pending::<()>().await,
        Delivery::After(time) => tokio::time::sleep(time).await,
        // hyper drops the connection of a service that fails.
        Delivery::Broken => return Err(io::ErrorKind::ConnectionReset.into()),
        Delivery::Whole | Delivery::Half => {}
    }
    Ok(response(answer, head, delivery == Delivery::Half))
}

fn response(answer: Answer, head: bool, cut: bool) -> Response<Sent> {
    let mut builder = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        builder = builder.header(name, value);
    }
    let size = answer.body.len() as u64;
    // None of these may have a body, nor say how long it would be.
    if answer.status != 204 {
        builder = builder.header("content-length", size);
    }
    let rest = match (head, cut) {
        (true, _) => Bytes::new(),
        (false, true) => answer.body.slice(..answer.body.len() / 2),
        (false, false) => answer.body,
    };
    let body = Sent { rest: Some(rest).filter(|rest| !rest.is_empty()), breaks: cut, size };
    builder.body(body).unwrap_or_else(|_| Response::new(Sent { rest: None, breaks: true, size: 0 }))
}

/// A body that may break off.
struct Sent {
    rest: Option<Bytes>,
    breaks: bool,
    size: u64,
}

impl Body for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(match self.rest.take() {
            Some(bytes) => Some(Ok(Frame::data(bytes))),
            None if self.breaks => Some(Err(io::Error::other("it breaks off"))),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none() && !self.breaks
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.size)
    }
}
