//! A socket on loopback, and the thread that serves who connects to it.

use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::{io, thread};

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A running server of HTTP; it stops when this is dropped.
#[derive(Debug)]
pub(crate) struct Loopback {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Loopback {
    /// Starts one on a free port of the loopback interface, whose thread has this name. An answer that is an error ends the
    /// connection without one.
    pub(crate) fn start<A, B>(
        name: &str,
        answer: impl Fn(Request<Incoming>) -> A + Clone + Send + 'static,
    ) -> io::Result<Self>
    where
        A: Future<Output = io::Result<Response<B>>> + Send + 'static,
        B: Body<Data: Send, Error: std::error::Error + Send + Sync> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let serve = move || {
            runtime.block_on(async move {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                tokio::select! {
                    () = accept(&listener, &answer) => {}
                    _ = stopped => {}
                }
            });
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(serve)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        drop(self.stop.take());
        drop(self.thread.take().map(JoinHandle::join));
    }
}

async fn accept<A, B>(
    listener: &TcpListener,
    answer: &(impl Fn(Request<Incoming>) -> A + Clone + Send + 'static),
) where
    A: Future<Output = io::Result<Response<B>>> + Send + 'static,
    B: Body<Data: Send, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    while let Ok((stream, _)) = listener.accept().await {
        let service = service_fn(answer.clone());
        // Whatever a client does wrong, or that it leaves, is its own loss.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
