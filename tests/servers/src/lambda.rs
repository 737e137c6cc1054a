//! A Lambda as AWS runs it: a function's own binary as a process, under an implementation of the Lambda Runtime API.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Collected, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::convert::Infallible;
use std::io::{BufRead as _, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Mutex as AsyncMutex;
use tokio::sync::{mpsc as queue, oneshot};

/// How long an invocation may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);
const API: &str = "/2018-06-01/runtime";
/// Most bytes of an answer that Lambda takes.
const MAX_ANSWER_BYTES: usize = 6_291_556;

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The function answered with this JSON.
    Answered(Value),
    /// It reported an error (`errorType`, `errorMessage`), or answered what Lambda does not take.
    Failed {
        /// What kind of error.
        kind: String,
        /// Its text.
        message: String,
    },
    /// The process ended instead.
    Ended,
}

/// A function that runs, and between invocations is stopped as Lambda stops it; dropping it ends it.
#[derive(Debug)]
pub struct Lambda {
    child: Child,
    events: queue::UnboundedSender<Invocation>,
    outcomes: mpsc::Receiver<Outcome>,
    invocations: u32,
    said: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
    _stop: oneshot::Sender<()>,
}

impl Lambda {
    /// Runs `program` with these variables and those that Lambda sets, and nothing else of this process's.
    #[must_use]
    pub fn start(program: &Path, environment: &[(String, String)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let (events, waiting) = queue::unbounded_channel();
        let (report, outcomes) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let current = Mutex::default();
        let api = Arc::new(Api { waiting: AsyncMutex::new(waiting), current, report: report.clone() });
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = serve(listener, api) => {}
                }
            });
        });
        let mut command = Command::new(program);
        command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
        command.env("AWS_LAMBDA_RUNTIME_API", address.to_string()).env("AWS_LAMBDA_FUNCTION_NAME", "tested");
        command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512").env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let said = Arc::new(Mutex::new(Vec::new()));
        let stdout = child.stdout.take().unwrap();
        let stderr = child.stderr.take().unwrap();
        let ended = Some(report);
        let readers = vec![keep_lines(stdout, &said, ended), keep_lines(stderr, &said, None)];
        Self { child, events, outcomes, invocations: 0, said, readers, _stop: stop }
    }

    /// Invokes the function with an event and waits for what comes of it. Its deadline is far away.
    pub fn invoke(&mut self, event: &Value) -> Outcome {
        self.invoke_within(event, PATIENCE)
    }

    /// The same with a deadline that is `time` away. The function is told of it; what does not heed it is not ended here.
    pub fn invoke_within(&mut self, event: &Value, time: Duration) -> Outcome {
        self.invocations += 1;
        self.signal(Signal::CONT);
        let id = format!("00000000-0000-4000-8000-{:012}", self.invocations);
        // A process that has ended takes none; then that is the outcome.
        let _ = self.events.send(Invocation { id, event: event.to_string(), time });
        let outcome = self.outcomes.recv_timeout(PATIENCE);
        self.signal(Signal::STOP);
        outcome.unwrap_or_else(|_| panic!("no answer: {:#?}", self.said.lock().unwrap()))
    }

    fn signal(&self, signal: Signal) {
        // Gone already, where it ended by itself.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// The most memory it has had resident, in bytes.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// Ends it; everything that it has written, line by line.
    #[must_use]
    pub fn stop(mut self) -> Vec<String> {
        self.end();
        self.said.lock().unwrap().clone()
    }

    fn end(&mut self) {
        // Gone already, where it ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        self.end();
    }
}

/// Keeps what is written to `output`, and tells when no more will be.
fn keep_lines(
    output: impl Read + Send + 'static,
    said: &Arc<Mutex<Vec<String>>>,
    ended: Option<mpsc::Sender<Outcome>>,
) -> JoinHandle<()> {
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            said.lock().unwrap().push(line);
        }
        if let Some(ended) = ended {
            // The test may have stopped listening.
            let _ = ended.send(Outcome::Ended);
        }
    })
}

#[derive(Debug)]
struct Invocation {
    id: String,
    event: String,
    time: Duration,
}

struct Api {
    waiting: AsyncMutex<queue::UnboundedReceiver<Invocation>>,
    /// Id of the invocation that is under way.
    current: Mutex<Option<String>>,
    report: mpsc::Sender<Outcome>,
}

async fn serve(listener: TcpListener, api: Arc<Api>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        let api = Arc::clone(&api);
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| {
                let api = Arc::clone(&api);
                async move { Ok::<_, Infallible>(api.answer(request).await) }
            });
            // A connection ends with the function, however that ends.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

impl Api {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let body = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
        let path = path.strip_prefix(API).unwrap_or_default();
        let (code, outcome) = match (method, path) {
            (Method::GET, "/invocation/next") => return self.next().await,
            (Method::POST, "/init/error") => (202, failed(&body)),
            (Method::POST, path) => {
                let named = path.strip_prefix("/invocation/").and_then(|path| path.split_once('/'));
                let Some((id, what @ ("response" | "error"))) = named else { return status(404) };
                self.ended(id, what, &body)
            }
            _ => return status(404),
        };
        // The test may have stopped listening.
        let _ = self.report.send(outcome);
        status(code)
    }

    /// What came of an invocation, and what the function is told.
    fn ended(&self, id: &str, what: &str, body: &Bytes) -> (u16, Outcome) {
        let refused = |code, kind: &str, message| (code, Outcome::Failed { kind: kind.to_owned(), message });
        let Some(current) = self.current.lock().unwrap().take_if(|current| *current == id) else {
            return refused(400, "InvalidRequestID", format!("{id} is not under way"));
        };
        if what == "error" {
            return (202, failed(body));
        }
        if body.len() > MAX_ANSWER_BYTES {
            let message = format!("{current}: {} bytes, at most {MAX_ANSWER_BYTES} are taken", body.len());
            return refused(413, "Function.ResponseSizeTooLarge", message);
        }
        match serde_json::from_slice(body) {
            Ok(answer) => (202, Outcome::Answered(answer)),
            Err(error) => refused(400, "Runtime.InvalidResponse", format!("{current}: no JSON: {error}")),
        }
    }

    /// The next event, once there is one.
    async fn next(&self) -> Response<Full<Bytes>> {
        let Some(Invocation { id, event, time }) = self.waiting.lock().await.recv().await else {
            return status(410);
        };
        *self.current.lock().unwrap() = Some(id.clone());
        let deadline = (SystemTime::now() + time).duration_since(UNIX_EPOCH).unwrap().as_millis();
        Response::builder()
            .header("lambda-runtime-aws-request-id", id)
            .header("lambda-runtime-deadline-ms", deadline.to_string())
            .header(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:us-east-1:123456789012:function:tested",
            )
            .header(
                "lambda-runtime-trace-id",
                "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
            )
            .body(Full::new(event.into()))
            .unwrap()
    }
}

fn failed(body: &[u8]) -> Outcome {
    let error: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    Outcome::Failed { kind: text("errorType"), message: text("errorMessage") }
}

fn status(status: u16) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::default()).unwrap()
}
