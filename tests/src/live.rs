//! A whole lab as a process: `aiv1 up` on a port of its own, asked over HTTP, stopped politely or by the plug.

use crate::command;
use serde_json::Value;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_mins(4);

/// A running lab; dropping it pulls the plug.
#[derive(Debug)]
pub struct LiveLab {
    process: Child,
    data: PathBuf,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    said: Arc<Mutex<String>>,
}

impl LiveLab {
    /// Starts `aiv1 up --data DATA …` and waits until it says where it is.
    #[must_use]
    pub fn start(data: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut up = command(["up", "--listen", "127.0.0.1:0", "--data"]);
        up.arg(data).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = up.spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let said = Arc::new(Mutex::new(String::new()));
        let (sender, address) = std::sync::mpsc::channel();
        let heard = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(rest) = line.strip_prefix("AiV1 is up: ") {
                    let url = rest.split('/').take(3).collect::<Vec<_>>().join("/");
                    // The test may have given up waiting.
                    let _ = sender.send(url);
                }
                let mut said = heard.lock().unwrap();
                said.push_str(&line);
                said.push('\n');
            }
        });
        let url = address.recv_timeout(PATIENCE);
        let url = url.unwrap_or_else(|_| panic!("the lab did not come up:\n{}", said.lock().unwrap()));
        Self { process, data: data.to_owned(), url, said }
    }

    /// What it has written to standard error.
    #[must_use]
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// A token out of its data directory.
    #[must_use]
    pub fn token(&self, scope: &str) -> String {
        let tokens = std::fs::read(self.data.join("tokens.json")).unwrap();
        serde_json::from_slice::<Value>(&tokens).unwrap()[scope].as_str().unwrap().to_owned()
    }

    /// `kill -9`: nothing is given the chance to tidy up.
    pub fn pull_the_plug(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// SIGTERM, and how it ended.
    #[must_use]
    pub fn stop(mut self) -> (ExitStatus, String) {
        let terminated =
            std::process::Command::new("kill").arg(self.process.id().to_string()).status().unwrap();
        assert!(terminated.success());
        let status = self.process.wait().unwrap();
        (status, self.said())
    }

    /// The address of a path.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The text at a path, whatever the status.
    pub async fn text(&self, path: &str) -> String {
        reqwest::get(self.at(path)).await.unwrap().text().await.unwrap()
    }

    /// The JSON at a path, whatever the status.
    pub async fn json(&self, path: &str) -> Value {
        let answer = reqwest::get(self.at(path)).await.unwrap();
        answer.json().await.unwrap()
    }

    /// Sends a request with a token and a JSON body; status and JSON of the answer (`null` where it has none).
    pub async fn post(&self, path: &str, scope: &str, body: &Value) -> (u16, Value) {
        let client = reqwest::Client::new();
        let answer =
            client.post(self.at(path)).bearer_auth(self.token(scope)).json(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    /// Asks a path again and again until its JSON pleases, or fails after four minutes with what it said last.
    pub async fn until(&self, path: &str, pleases: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        let mut every = tokio::time::interval(Duration::from_millis(200));
        loop {
            every.tick().await;
            let answer = self.json(path).await;
            if pleases(&answer) {
                return answer;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{path} still says {answer:#}\nthe lab said:\n{}",
                self.said()
            );
        }
    }
}

impl Drop for LiveLab {
    fn drop(&mut self) {
        // Already gone where it was stopped.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
